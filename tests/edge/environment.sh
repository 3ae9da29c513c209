# What the programs that run latentd and Envoy need to know. Sourced from the root of the tree, not run.

source deploy/lib.sh
export LATENTD_BINARY=${LATENTD_BINARY:-$PWD/build/release/server/latentd}
export LATENTD_ENVOY
LATENTD_DESCRIPTORS=$(deploy/envoy/descriptors.sh)
export LATENTD_DESCRIPTORS
export PYTHONPATH=$PWD/deploy/envoy:$PWD/tests/edge PYTHONDONTWRITEBYTECODE=1
# A thread of latentd that waits gives up its core, as in the other tests.
export GOMP_SPINCOUNT=1000
