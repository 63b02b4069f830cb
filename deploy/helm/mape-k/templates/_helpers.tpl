{{- define "mape-k.labels" -}}
app: mape-k
app.kubernetes.io/name: mape-k
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "mape-k.scheme" -}}
{{ ternary "HTTPS" "HTTP" (or (not (empty .Values.secrets.tls)) (not (empty (dig "api" "tls" "certificate_file" "" .Values.config)))) }}
{{- end }}

{{- define "mape-k.webhookScheme" -}}
{{ ternary "https" "http" (or (not (empty .Values.secrets.tls)) (not (empty (dig "alertmanager" "webhook_tls" "certificate_file" "" .Values.config)))) }}
{{- end }}

{{/* Who vouches for the certificate that the loop shows: a ConfigMap or a Secret, and a key of it; nothing if nobody is named. */}}
{{- define "mape-k.trust" -}}
{{- $trust := .Values.trust -}}
{{- if $trust.configMap }}
configMap: {name: {{ $trust.configMap }}, key: {{ $trust.key }}}
{{- else if or $trust.secret .Values.secrets.tls }}
secret: {name: {{ $trust.secret | default .Values.secrets.tls }}, key: {{ $trust.key }}}
{{- else if not $trust.serverName }}
{{- fail "the loop shows a certificate, and nobody is named who vouches for it to those who scrape it and send it alerts: set trust.configMap or trust.secret" }}
{{- end }}
{{- end }}

{{/* The volume in which those who call the loop find who vouches for it. */}}
{{- define "mape-k.trustVolume" -}}
{{- $trust := fromYaml (include "mape-k.trust" .) -}}
{{- with $trust.configMap }}
configMap: {name: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}
{{- with $trust.secret }}
# Not the key.
secret: {secretName: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}
{{- end }}

{{/* How commands in the loop's pod know the loop, which they call by 127.0.0.1; nothing where the values say it, or no TLS is spoken. */}}
{{- define "mape-k.clientTls" -}}
{{- if and (eq (include "mape-k.scheme" .) "HTTPS") (empty (dig "api" "client_tls" dict .Values.config)) }}
{{- if or .Values.trust.configMap .Values.trust.secret }}
ca_file: /etc/mape-k/trust/ca.crt
{{- else if .Values.secrets.tls }}
ca_file: /etc/mape-k/tls/{{ .Values.trust.key }}
{{- end }}
server_name: {{ .Values.trust.serverName | default "mape-k" }}
{{- end }}
{{- end }}

{{/* How Prometheus and Alertmanager know the loop, as the body of a tls_config. */}}
{{- define "mape-k.tlsConfig" -}}
{{- $said := list -}}
{{- if include "mape-k.trust" . | trim }}{{ $said = append $said "ca_file: /etc/mape-k-tls/ca.crt" }}{{ end -}}
{{- with .Values.trust.serverName }}{{ $said = append $said (printf "server_name: %s" .) }}{{ end -}}
{{ join ", " $said }}
{{- end }}

{{/* Whether anybody whom the chart starts, or an operator, calls the loop by TLS. */}}
{{- define "mape-k.speaksTls" -}}
{{- if or (eq (include "mape-k.scheme" .) "HTTPS") (eq (include "mape-k.webhookScheme" .) "https") }}yes{{ end -}}
{{- end }}

{{/* What the values say, and over it what only the chart knows. */}}
{{- define "mape-k.config" -}}
{{- $hosts := list "mape-k" (printf "mape-k.%s" .Release.Namespace) (printf "mape-k.%s.svc" .Release.Namespace) -}}
{{- $hosts = concat $hosts .Values.allowedHosts -}}
{{- $api := dict "host" "0.0.0.0" "port" 8001 "metrics_port" 9090 "allowed_hosts" $hosts -}}
{{- $alertmanager := dict "webhook_host" "0.0.0.0" "webhook_port" 5000 -}}
{{- $execute := dict "state_dir" "/var/lib/mape-k/data" -}}
{{- if .Values.secrets.tokens }}
{{- $_ := set $api "auth" (dict "tokens_file" "/etc/mape-k/tokens/tokens.yaml") }}
{{- end }}
{{- if .Values.secrets.charter }}
{{- $_ := set $execute "charter_api_key_file" "/etc/mape-k/charter/api-key" }}
{{- end }}
{{- if .Values.secrets.tls }}
{{- $tls := dict "certificate_file" "/etc/mape-k/tls/tls.crt" "key_file" "/etc/mape-k/tls/tls.key" -}}
{{- $_ := set $api "tls" $tls }}
{{- $_ := set $alertmanager "webhook_tls" $tls }}
{{- end }}
{{- with include "mape-k.clientTls" . }}
{{- $_ := set $api "client_tls" (fromYaml .) }}
{{- end }}
{{- $knowledge := dict "sqlite_path" "/var/lib/mape-k/data/knowledge.db" -}}
{{- $own := dict "api" $api "alertmanager" $alertmanager "execute" $execute "knowledge" $knowledge -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $own) -}}
{{- end }}

{{/* Alertmanager's configuration, with the loop's webhook as it is to be reached. */}}
{{- define "mape-k.alertmanager" -}}
{{- $clear := "- url: http://mape-k:5000/webhooks/alerts" -}}
{{- $said := $clear -}}
{{- if eq (include "mape-k.webhookScheme" .) "https" }}
{{- $said = printf "- url: https://mape-k:5000/webhooks/alerts\n        http_config: {tls_config: {%s}}" (include "mape-k.tlsConfig" .) -}}
{{- end }}
{{- .Files.Get "files/alertmanager.yml" | replace $clear $said -}}
{{- end }}

{{/* Prometheus's files: what it scrapes and whom it tells, and the rules. */}}
{{- define "mape-k.prometheus" -}}
prometheus.yml: |
  global:
    scrape_interval: 15s
    evaluation_interval: 30s
  rule_files: [/etc/prometheus/*.rules.yml]
  alerting:
    alertmanagers:
      - static_configs:
          - targets:
              {{- range $i := until (int .Values.monitoring.alertmanager.replicas) }}
              - alertmanager-{{ $i }}.alertmanager-cluster:9093
              {{- end }}
  scrape_configs:
    - job_name: charter
      {{- $charter := urlParse (dig "execute" "charter_url" "http://charter:8000" .Values.config) }}
      {{- if eq $charter.scheme "https" }}
      scheme: https
      {{- end }}
      {{- with .Values.monitoring.prometheus.charterTls }}
      tls_config: {{ toJson . }}
      {{- end }}
      static_configs:
        - targets: [{{ $charter.host | quote }}]
    - job_name: mapek
      {{- if eq (include "mape-k.scheme" .) "HTTPS" }}
      scheme: https
      tls_config: { {{- include "mape-k.tlsConfig" . -}} }
      {{- end }}
      static_configs:
        - targets: ["mape-k:9090"]
    - job_name: alertmanager
      static_configs:
        - targets:
            {{- range $i := until (int .Values.monitoring.alertmanager.replicas) }}
            - alertmanager-{{ $i }}.alertmanager-cluster:9093
            {{- end }}
    - job_name: prometheus
      static_configs:
        - targets: ["localhost:9090"]
{{- range $name := list "charter" "mape-k" }}
{{ $name }}.rules.yml: |
  {{- $.Files.Get (printf "files/%s.rules.yml" $name) | nindent 2 }}
{{- end }}
{{- end }}

{{/* The way out to names. */}}
{{- define "mape-k.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
