{{/* TLS to an external Redis, by Envoy: Debian's hiredis has none. A sidecar, which ends after latentd has.
     It has no probes: only latentd can reach it, and does without Redis for a while. */}}
{{- define "latentd.tunnel" -}}
- name: redis-tunnel
  image: {{ include "latentd.image" (list . .Values.edge.tag "edge") }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  command: [envoy]
  args: [--config-path, /etc/tunnel/envoy.yaml, --log-level, warning, --concurrency, "1", --disable-hot-restart]
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 256Mi}
  securityContext: {{- include "latentd.containerSecurity" . | nindent 4 }}
  volumeMounts:
  - {name: tunnel, mountPath: /etc/tunnel, readOnly: true}
  - {name: redis-ca, mountPath: /etc/redis-ca, readOnly: true}
{{- end }}

{{- define "latentd.tunnelVolumes" -}}
- name: tunnel
  configMap: {name: {{ include "latentd.name" . }}-tunnel}
- name: redis-ca
  secret: {secretName: {{ .Values.redis.caSecret }}}
{{- end }}
