{{/* The container that fills the volume of models. What is there already and whole is kept: a container may start again. */}}
{{- define "latentd.download" -}}
- name: download
  image: {{ .Values.models.downloadImage }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [sh, -euc]
  args:
  - |
    # Arguments: url, path, sha256, url, …
    while [ $# -gt 0 ]; do
      if ! echo "$3  $2" | sha256sum -c >/dev/null 2>&1; then
        echo "$2: downloading"
        mkdir -p "$(dirname "$2")"
        curl -fsSL --retry 10 --retry-connrefused -o "$2.part" "$1"
        echo "$3  $2.part" | sha256sum -c >/dev/null || { echo "$2: the file has another SHA-256 than $3"; exit 1; }
        mv "$2.part" "$2"
      fi
      shift 3
    done
  - download
  {{- range .Values.models.download }}
  - {{ .url | quote }}
  - {{ .path | quote }}
  - {{ .sha256 | quote }}
  {{- end }}
  workingDir: /models
  resources:
    requests: {cpu: 100m, memory: 64Mi}
    limits: {memory: 256Mi}
  securityContext: {{- include "latentd.containerSecurity" . | nindent 4 }}
  volumeMounts:
  - {name: models, mountPath: /models}
{{- end }}
