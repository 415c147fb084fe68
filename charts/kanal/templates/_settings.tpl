{{- /*
The settings of all roles as the TOML file that they read. The table kafka.properties comes last, so that what a Secret says
of the login can be written below it.
*/ -}}
{{- define "kanal.settings" -}}
{{- $own := dict
  "kafka" (dict "bootstrap" (include "kanal.bootstrap" .) "default_replication_factor" .Values.kafka.replicationFactor)
  "control" (dict "probe_urls" (list (printf "http://%s:8080" (include "kanal.host" (list . "kafka-channel-ingress-pods")))))
  "kubernetes" (dict "namespace" .Release.Namespace "serves" .Values.serves "cluster_domain" .Values.clusterDomain)
-}}
{{- if .Values.kafka.embedded.enabled -}}
{{- $_ := set $own.kafka "most_replicas" 1 -}}
{{- end -}}
{{- $all := merge $own .Values.settings -}}
{{- range $group, $fields := $all }}
[{{ $group }}]
{{- range $name, $value := $fields }}
{{- if kindIs "map" $value }}
{{ $name }} = { {{- range $n, $key := keys $value | sortAlpha }}{{ if $n }},{{ end }} {{ toJson $key }} = {{ toJson (get $value $key) }}{{ end }} }
{{- else }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{ end }}
[kafka.properties]
{{- range $name, $value := .Values.kafka.properties }}
{{ toJson $name }} = {{ toJson $value }}
{{- end }}
{{ end }}
