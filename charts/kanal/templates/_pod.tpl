{{- /*
The pod of a role. Takes a dictionary: root, role, values (those of the role), account, token (whether it may speak with the
API server), settings (whether it reads them), login (whether it is a client of Kafka), args, ports, probes (YAML), and
where it has some: env, volumes, mounts.
*/ -}}
{{- define "kanal.pod" -}}
{{- $root := .root -}}
{{- $pod := dict -}}
{{- range $name, $value := $root.Values.pods -}}
{{- $_ := set $pod $name (hasKey $.values.pod $name | ternary (get $.values.pod $name) $value) -}}
{{- end -}}
{{- $secret := ternary $root.Values.kafka.auth.existingSecret "" (default false .login) -}}
{{- $mounts := .mounts | default list -}}
{{- $volumes := .volumes | default list -}}
{{- if .settings -}}
{{- $mounts = append $mounts (dict "name" "settings" "mountPath" "/etc/kanal/settings" "readOnly" true) -}}
{{- $volumes = append $volumes (dict "name" "settings" "configMap" (dict "name" "kanal-settings")) -}}
{{- end -}}
{{- if $secret -}}
{{- $mounts = append $mounts (dict "name" "login" "mountPath" "/etc/kanal/login" "readOnly" true) -}}
{{- $mounts = append $mounts (dict "name" "settled" "mountPath" "/run/kanal") -}}
{{- $volumes = append $volumes (dict "name" "login" "secret" (dict "secretName" $secret "defaultMode" 288)) -}}
{{- $volumes = append $volumes (dict "name" "settled" "emptyDir" (dict "medium" "Memory" "sizeLimit" "1Mi")) -}}
{{- end -}}
metadata:
  labels:
    {{- /* No version: a pod changes when something in it does. */}}
    {{- include "kanal.selector" (list $root .role) | nindent 4 }}
    app.kubernetes.io/instance: {{ $root.Release.Name }}
    app.kubernetes.io/part-of: kanal
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := $pod.annotations }}
  {{- if .settings }}
  {{- /* New settings make new pods. */ -}}
  {{- $annotations = merge (dict "kanal.dev/settings" (include "kanal.settings" $root | sha256sum | trunc 16)) $annotations }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: {{ .token | default false }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds | default 30 }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $pod.spread }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "kanal.selector" (list $root $.role) | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- if $secret }}
  initContainers:
    - name: login
      image: {{ include "kanal.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [python, /etc/kanal/settings/login.py, /etc/kanal/settings/kanal.toml, /etc/kanal/login, /run/kanal/kanal.toml]
      securityContext:
        {{- include "kanal.security" . | nindent 8 }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        {{- toYaml $mounts | nindent 8 }}
  {{- end }}
  containers:
    - name: {{ .role }}
      image: {{ include "kanal.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      {{- $env := .env | default list }}
      {{- if .settings }}
      {{- $env = prepend $env (dict "name" "KANAL_CONFIG" "value" (empty $secret | ternary "/etc/kanal/settings/kanal.toml" "/run/kanal/kanal.toml")) }}
      {{- end }}
      {{- with concat $env $pod.env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- toYaml .ports | nindent 8 }}
      {{- .probes | nindent 6 }}
      {{- with .values.drainSeconds }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ . | toString | quote }}]
      {{- end }}
      securityContext:
        {{- include "kanal.security" . | nindent 8 }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      {{- with $mounts }}
      volumeMounts:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- with $volumes }}
  volumes:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "kanal.security" -}}
runAsNonRoot: true
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{- /* The probes of a role that answers at /healthz and /readyz of its port `http`; takes the scheme. */ -}}
{{- define "kanal.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http, scheme: {{ . }}}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: http, scheme: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /healthz, port: http, scheme: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{- /* A budget by which an emptied node takes one pod of a role at a time; takes (list ROOT ROLE NAME). */ -}}
{{- define "kanal.budget" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.podDisruptionBudgets.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ index . 2 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "kanal.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "kanal.selector" . | nindent 6 }}
{{- end }}
{{- end }}
