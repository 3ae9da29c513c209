{{/* TLS to an external Redis, by Envoy: Debian's hiredis has none. A sidecar, which ends after latentd has.
     It has no probes: only latentd can reach it, and does without Redis for a while. */}}
{{- define "latentd.tunnel" -}}
- name: redis-tunnel
  image: {{ .Values.redis.tls.image }}
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
  {{- if .Values.redis.tls.caSecret }}
  - {name: redis-ca, mountPath: /etc/redis-ca, readOnly: true}
  {{- end }}
{{- end }}

{{- define "latentd.tunnelVolumes" -}}
- name: tunnel
  configMap: {name: {{ include "latentd.name" . }}-tunnel}
{{- with .Values.redis.tls.caSecret }}
- name: redis-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}
