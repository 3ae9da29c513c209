{{/* Ends with all that is wrong with the values, where the schema cannot tell. */}}
{{- define "latentd.check" -}}
{{- $problems := list }}
{{- $kube := .Capabilities.KubeVersion.Version }}
{{- with .Values }}
{{- $known := or .auth.apiKeysSecret .auth.jwksSecret }}
{{- if not (or .insecure (and .tls.secret (or $known .tls.clientCertificates))) }}
{{- $problems = append $problems "latentd would be open: give tls.secret with auth.apiKeysSecret, auth.jwksSecret or tls.clientCertificates, or say insecure: true" }}
{{- end }}
{{- if and .tls.clientCertificates (not .tls.secret) }}
{{- $problems = append $problems "tls.clientCertificates needs tls.secret" }}
{{- end }}
{{- if gt (len (compact (list .models.persistentVolumeClaim .models.image (ternary "" "download" (empty .models.download))))) 1 }}
{{- $problems = append $problems "models come from one of persistentVolumeClaim, image and download" }}
{{- end }}
{{- if and (or .models.adapters (ne (clean .models.folder) ".")) (not (include "latentd.modelsVolume" $)) }}
{{- $problems = append $problems "models.folder and models.adapters are in a volume: give one of models.persistentVolumeClaim, models.image and models.download" }}
{{- end }}
{{- if and .models.image (semverCompare "<1.33-0" $kube) }}
{{- $problems = append $problems (printf "models.image needs Kubernetes 1.33; this is %s" $kube) }}
{{- end }}
{{- if and (eq .redis.source "none") (or .autoscaling.enabled (gt (int .replicas) 1)) }}
{{- $problems = append $problems "several replicas need one store of jobs: redis.source chart or external" }}
{{- end }}
{{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
{{- $problems = append $problems "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end }}
{{- if not (or (trimSuffix "%" (toString .rollout.maxSurge) | int) (trimSuffix "%" (toString .rollout.maxUnavailable) | int)) }}
{{- $problems = append $problems "no replica could be replaced: one of rollout.maxSurge and rollout.maxUnavailable must be more than 0" }}
{{- end }}
{{- if and .autoscaling.enabled (not (and .monitoring.serviceMonitor.enabled .monitoring.rules.enabled)) }}
{{- $problems = append $problems "autoscaling asks Prometheus for latentd:backlog_seconds: turn monitoring.serviceMonitor.enabled and monitoring.rules.enabled on" }}
{{- end }}
{{- if ne (eq .redis.source "external") (not (empty .redis.address)) }}
{{- $problems = append $problems "redis.address belongs to redis.source: external" }}
{{- end }}
{{- if and .redis.passwordSecret (eq .redis.source "none") }}
{{- $problems = append $problems "redis.passwordSecret belongs to redis.source: chart or external" }}
{{- end }}
{{- if and .redis.user (not (and .redis.passwordSecret (eq .redis.source "external"))) }}
{{- $problems = append $problems "redis.user is for an external Redis and needs redis.passwordSecret" }}
{{- end }}
{{- if and (eq .redis.source "chart") (lt (include "latentd.bytes" .redis.storage | float64) (mulf 4 (include "latentd.bytes" .redis.maxMemory | float64))) }}
{{- $problems = append $problems (printf "redis.storage %v is less than four times redis.maxMemory %s: Redis' log and its rewriting would not have room" .redis.storage .redis.maxMemory) }}
{{- end }}
{{- if eq .redis.source "chart" }}
{{- $redis := printf "%s-redis" (include "latentd.name" $) }}
{{- /* Kubernetes would refuse the StatefulSet alone, when the rest has been upgraded. */}}
{{- with (lookup "apps/v1" "StatefulSet" $.Release.Namespace $redis).spec }}
{{- $volume := (first .volumeClaimTemplates).spec }}
{{- $storage := $.Values.redis.storage }}
{{- if ne (include "latentd.bytes" $storage | float64 | int64) (include "latentd.bytes" $volume.resources.requests.storage | float64 | int64) }}
{{- $problems = append $problems (printf "redis.storage is %v, but the volume of %s was made with %s, and a StatefulSet's cannot be changed in place. To enlarge it (README.md, \"A larger Redis\"): kubectl -n %s patch pvc data-%s-0 --patch '{\"spec\": {\"resources\": {\"requests\": {\"storage\": \"%v\"}}}}', then kubectl -n %s delete statefulset %s --cascade=orphan, then this again" $storage $redis $volume.resources.requests.storage $.Release.Namespace $redis $storage $.Release.Namespace $redis) }}
{{- end }}
{{- if ne $.Values.redis.storageClass ($volume.storageClassName | default "") }}
{{- $problems = append $problems (printf "redis.storageClass is %q, but the volume of %s was made with %q, and keeps it" $.Values.redis.storageClass $redis ($volume.storageClassName | default "")) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .redis.caSecret (ne .redis.source "external") }}
{{- $problems = append $problems "redis.caSecret is for an external Redis" }}
{{- end }}
{{- if and .redis.caSecret (semverCompare "<1.29-0" $kube) }}
{{- $problems = append $problems (printf "redis.caSecret needs Kubernetes 1.29, whose sidecars end after latentd has handed its jobs over; this is %s" $kube) }}
{{- end }}
{{- if and .edge.enabled (not .insecure) (not (and .edge.tlsSecret $known)) }}
{{- $problems = append $problems "the edge would be open: give edge.tlsSecret with auth.apiKeysSecret or auth.jwksSecret, or say insecure: true" }}
{{- end }}
{{- if and .edge.enabled .tls.clientCertificates (not .edge.clientSecret) }}
{{- $problems = append $problems "tls.clientCertificates asks the edge, too: give edge.clientSecret" }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n* %s" (join "\n* " $problems)) }}
{{- end }}
{{- end }}
