# The images: `cpu` and `cuda` hold latentd and latentctl, `edge` the Envoy that goes before them.
#
#   docker build --target cpu -t latentd:cpu .      # tests/image/run.sh builds and tries them with buildah
#
# Debian's packages come from the base image's own sources, all else from deploy/pins by hash. What this machine needs to
# reach the registries can be given as secrets: pip.conf, npmrc, and ca.pem, which those two name as /run/secrets/ca.pem.

# Debian 12. The programs' own images hold nothing of it but the libraries that they load.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS installer
# The compiler's cache tells languages of messages apart.
ENV LATENTD_CACHE=/opt/latentd LANG=C.UTF-8
WORKDIR /source
COPY deploy/install.sh deploy/lib.sh deploy/
COPY deploy/pins deploy/pins

# What the programs are built from, on either device.
FROM scratch AS sources
COPY CMakeLists.txt CMakePresets.json ./
COPY deploy/cmake deploy/cmake
COPY proto proto
COPY model model
COPY server server
COPY client client

FROM installer AS libraries-cpu
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    deploy/install.sh

FROM libraries-cpu AS build-cpu
COPY --from=sources / ./
RUN --mount=type=cache,target=/root/.cache \
    cmake --preset release -DLATENTD_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
 && cmake --build build/release --target latentd latentctl \
 && DESTDIR=/image cmake --install build/release --strip
COPY LICENSE ./
COPY deploy/image deploy/image
RUN deploy/image/complete.sh /image

FROM installer AS libraries-cuda
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    deploy/install.sh --cuda

FROM libraries-cuda AS build-cuda
COPY --from=sources / ./
RUN --mount=type=cache,target=/root/.cache \
    cmake --preset release -DLATENTD_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
      -DLATENTD_CUDA=ON -DLATENTD_LIBTORCH_ROOT=/opt/latentd/libtorch-2.11.0-cuda \
      -DCMAKE_CUDA_COMPILER=/opt/latentd/nvcc-13.0.88/bin/nvcc \
 && cmake --build build/release --target latentd latentctl \
 && DESTDIR=/image cmake --install build/release --strip
COPY LICENSE ./
COPY deploy/image deploy/image
# What LibTorch and cuDNN open by name when they need it; what they link is found.
RUN cd /opt/latentd/libtorch-2.11.0-cuda/lib \
 && /source/deploy/image/complete.sh /image $PWD/libtorch_cuda_linalg.so $PWD/libcaffe2_nvrtc.so $PWD/libnvrtc-builtins.so.* $PWD/libcudnn_*.so.*

# How latentd runs, on either device. Only /tmp need be writable.
FROM scratch AS runtime
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="latentd" \
      org.opencontainers.image.description="Images with latent diffusion models, over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/bin HOME=/tmp
USER 65532:65532
# gRPC, plain health, metrics.
EXPOSE 50051 50052 9464
# Asks 127.0.0.1:50051. Where that has TLS: --health-listen, and a check of one's own with --server.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["latentctl", "health"]
ENTRYPOINT ["latentd"]

FROM runtime AS cpu
COPY --from=build-cpu /image /

FROM runtime AS cuda
# What NVIDIA's container toolkit is to hand in.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-cuda /image /

FROM installer AS build-edge
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    deploy/install.sh --page
COPY client/web client/web
COPY proto proto
COPY deploy/envoy deploy/envoy
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca.pem \
    client/web/build.sh /image/usr/share/latentd/web \
 && install -D /opt/latentd/envoy-* /image/usr/bin/envoy \
 && install -m 644 "$(deploy/envoy/descriptors.sh)" /image/usr/share/latentd/api.pb \
 && cp -r deploy/envoy /image/usr/share/latentd/envoy

FROM ${BASE} AS edge
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="latentd-edge" \
      org.opencontainers.image.description="Envoy before latentd: gRPC, gRPC-Web, JSON, the OpenAI images API and the web page on one port" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Python writes Envoy's configuration from the flags, and asks Envoy whether it is healthy.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 >/dev/null && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=build-edge /image /
USER 65532:65532
EXPOSE 8080 9901
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 CMD ["/usr/share/latentd/envoy/ready.py", "/tmp/admin"]
# The flags of deploy/edge.sh follow.
ENTRYPOINT ["/usr/share/latentd/envoy/run.sh", "--descriptors", "/usr/share/latentd/api.pb", "--page", "/usr/share/latentd/web", "--secrets", "/tmp", "--admin", "/tmp/admin"]
