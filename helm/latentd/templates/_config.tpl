{{/* latentd's --config: what the chart decides, and `config`. */}}
{{- define "latentd.config" -}}
{{- with .Values -}}
listen: 0.0.0.0:50051
metrics-listen: 0.0.0.0:9464
health-listen: 0.0.0.0:50052
drain-timeout: {{ .drain.jobSeconds }}s
{{- if include "latentd.modelsVolume" $ }}
models: {{ clean (printf "/models/%s" .models.folder) }}
{{- with .models.adapters }}
adapters: {{ clean (printf "/models/%s" .) }}
{{- end }}
{{- end }}
{{- if .gpu.enabled }}
device: cuda
{{- end }}
{{- if .insecure }}
insecure: true
{{- end }}
{{- if .tls.secret }}
tls-cert: /etc/latentd/tls/tls.crt
tls-key: /etc/latentd/tls/tls.key
{{- end }}
{{- if .tls.clientCertificates }}
tls-client-ca: /etc/latentd/tls/ca.crt
{{- end }}
{{- if .auth.apiKeysSecret }}
api-keys: /etc/latentd/api-keys/keys.yaml
{{- end }}
{{- if .auth.jwksSecret }}
jwks: /etc/latentd/jwks/jwks.json
{{- end }}
{{- if .tenants }}
tenants: /etc/latentd/config/tenants.yaml
{{- end }}
{{- if eq .redis.source "chart" }}
{{- /* At its limit Redis refuses new jobs before latentd throws old ones out: the rest is for events, what waits, and Redis itself. */}}
{{- range $flag, $part := dict "job-bytes" 3 "blob-bytes" 6 }}
{{- if not (hasKey $.Values.config $flag) }}
{{ $flag }}: {{ div (include "latentd.bytes" $.Values.redis.maxMemory | float64) $part }}
{{- end }}
{{- end }}
{{- end }}
{{- range $flag, $value := .config }}
{{ $flag }}: {{ $value | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{/* The volume of models, but for its name; nothing for the embedded ones. */}}
{{- define "latentd.modelsVolume" -}}
{{- with .Values.models }}
{{- if .persistentVolumeClaim }}
persistentVolumeClaim: {claimName: {{ .persistentVolumeClaim }}, readOnly: true}
{{- else if .image }}
image: {reference: {{ .image | quote }}, pullPolicy: IfNotPresent}
{{- else if .download }}
emptyDir: {sizeLimit: {{ .downloadSize }}}
{{- end }}
{{- end }}
{{- end }}

{{/* latentd's --job-store. The password is in a file of its own. */}}
{{- define "latentd.jobStore" -}}
{{- with .Values.redis }}
{{- $host := .address }}
{{- if eq .source "chart" }}{{ $host = printf "%s-redis:6379" (include "latentd.name" $) }}{{ end }}
{{- if .caSecret }}{{ $host = "127.0.0.1:6379" }}{{ end }}
{{- if eq .source "none" -}}
memory
{{- else -}}
redis://{{ with .user }}{{ . }}@{{ end }}{{ $host }}/{{ .database }}
{{- end }}
{{- end }}
{{- end }}

{{/* A quantity of Kubernetes → bytes, as a number with a fraction: Redis spells sizes in ways of its own. */}}
{{- define "latentd.bytes" -}}
{{- $units := dict "m" 0.001 "k" 1e3 "Ki" 1024 "M" 1e6 "Mi" 1048576 "G" 1e9 "Gi" 1073741824 "T" 1e12 "Ti" 1099511627776 }}
{{- $text := ternary (toString .) (printf "%d" (int64 .)) (kindIs "string" .) }}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $units (regexFind "[A-Za-z]+$" $text) | default 1) }}
{{- end }}
