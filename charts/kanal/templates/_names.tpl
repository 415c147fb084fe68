{{- /* Names and labels. Names are Knative's or Kanal's own and fixed: one installation serves a whole cluster, and others look for them. */ -}}

{{- define "kanal.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- /* What selects the pods of a role; takes (list ROOT ROLE). */ -}}
{{- define "kanal.selector" -}}
app.kubernetes.io/name: kanal
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* All labels of an object of a role; takes (list ROOT ROLE). */ -}}
{{- define "kanal.labels" -}}
{{- $root := index . 0 -}}
{{ include "kanal.selector" . }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/part-of: kanal
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The address of a Service of this release; takes (list ROOT NAME). */ -}}
{{- define "kanal.host" -}}
{{- $root := index . 0 -}}
{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}
{{- end }}

{{- define "kanal.bootstrap" -}}
{{- if .Values.kafka.embedded.enabled -}}
{{ include "kanal.host" (list . "kanal-kafka") }}:9092
{{- else -}}
{{ .Values.kafka.bootstrap }}
{{- end -}}
{{- end }}

{{- define "kanal.tokenSecret" -}}
{{ .Values.controller.token.existingSecret | default "kanal-controller-token" }}
{{- end }}

{{- /* The kinds that the controller serves, as JSON: {group: {plural: [version, ...]}}. */ -}}
{{- define "kanal.kinds" -}}
{{- $kinds := dict -}}
{{- range $path, $_ := .Files.Glob "files/crds/*.yaml" -}}
{{- $spec := ($.Files.Get $path | fromYaml).spec -}}
{{- if or (ne $.Values.serves "kafka") (has $spec.names.kind (list "KafkaChannel" "Broker" "Trigger")) -}}
{{- $versions := list -}}
{{- range $spec.versions -}}
{{- $versions = append $versions .name -}}
{{- end -}}
{{- $_ := set $kinds $spec.group (merge (dict $spec.names.plural $versions) (get $kinds $spec.group | default dict)) -}}
{{- end -}}
{{- end -}}
{{- toJson $kinds -}}
{{- end }}

{{- /* Resources with their parts, with commas; takes (list KINDS PART ...), a part being "" or "/status". */ -}}
{{- define "kanal.parts" -}}
{{- $found := list -}}
{{- range $plural := keys (first .) | sortAlpha -}}
{{- range rest $ -}}
{{- $found = append $found (print $plural .) -}}
{{- end -}}
{{- end -}}
{{- join ", " $found -}}
{{- end }}
