{{/* What the release's objects are called. Short enough for the longest suffix: of 63 characters Kubernetes puts 11 behind the
     name of a StatefulSet, `-redis` has 6, and the Services' `-edge-replicas` 14. */}}
{{- define "latentd.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 46 | trimSuffix "-" }}
{{- end }}

{{/* Labels that never change: (list $ "server"), "edge" or "redis". */}}
{{- define "latentd.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "latentd.labels" -}}
{{ include "latentd.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{/* (list $ tag suffix) → the image of that tag; of an empty one, of the chart's version with the suffix. */}}
{{- define "latentd.image" -}}
{{- $ := index . 0 }}
{{- $.Values.image.repository }}:{{ index . 1 | default (printf "%s-%s" $.Chart.AppVersion (index . 2)) }}
{{- end }}

{{/* Pod Security "restricted", of a pod that runs as this user. */}}
{{- define "latentd.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "latentd.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* (list $ component) → one zone or node that fails takes few of its pods. */}}
{{- define "latentd.spread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels: {{- include "latentd.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

