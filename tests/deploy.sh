#!/usr/bin/env bash
# Checks what deploy/ ships: scrape configs, alert rules, Alertmanager routes and the queries of the dashboard by promtool, the unit's exposure by systemd-analyze, the sample
# config by hushtap itself.
# usage: tests/deploy.sh [HUSHTAP]
set -uo pipefail
cd "$(dirname "$0")/.."
HUSHTAP=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/hushtap}")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
faults=0
fault() { echo "deploy: $*" >&2; faults=$((faults + 1)); }

cp deploy/prometheus/*.yml "$WORK"
printf 'token\n' > "$WORK/token"
sed -i "s#/etc/prometheus/hushtap-operator.token#$WORK/token#" "$WORK/operator.yml"
cd "$WORK" || exit 1
promtool check rules --lint-fatal hushtap.rules.yml hushtap-operator.rules.yml || fault "alert rules"
promtool test rules hushtap.test.yml || fault "alert rule tests"
# Every query of the dashboard must parse, and every metric it names must be one that we serve or record.
python3 - "$OLDPWD/deploy/grafana/hushtap.json" "$OLDPWD/src/release/metric.rs" hushtap.rules.yml >dashboard.rules.yml <<'PY' || fault "the dashboard"
import json, re, sys
panels = json.load(open(sys.argv[1]))["panels"]
known = set(re.findall(r'= "(hushtap_\w+)"', open(sys.argv[2]).read())) | set(re.findall(r"record: (\S+)", open(sys.argv[3]).read()))
known |= {f"{name}_bucket" for name in known}
queries = [re.sub(r"\$\w+", ".*", target["expr"]) for panel in panels for target in panel["targets"]]
named = {name for query in queries for name in re.findall(r"\bhushtap[\w:]+", query)}
assert queries and named <= known, named - known
print(json.dumps({"groups": [{"name": "dashboard", "rules": [{"record": f"q{n}", "expr": query} for n, query in enumerate(queries)]}]}))
PY
promtool check rules dashboard.rules.yml || fault "queries of the dashboard"
amtool check-config alertmanager.yml >/dev/null || fault "alertmanager.yml"
# Every alert goes where it should, by the labels its rule gives it.
route() {
  local to
  to=$(amtool config routes test --config.file=alertmanager.yml "${@:2}" 2>amtool.log) || { to="nowhere"; cat amtool.log >&2; }
  [ "$to" = "$1" ] || fault "$* goes to $to"
}
route security-urgent alertname=HushtapAlertHigh severity=critical signal=volume token=tk_x
route security-urgent alertname=HushtapAlertStorm severity=critical
route security alertname=HushtapAlertMedium severity=warning signal=path_scan client=cl_y
route security alertname=HushtapAlertLow severity=info
route security alertname=HushtapTokensAnomalous severity=warning
route security alertname=ApiSecretsInResponses severity=warning
route api-owners alertname=ApiErrorsHigh severity=warning service=shop
route operations-urgent alertname=HushtapDown severity=critical
route operations alertname=HushtapPacketLoss severity=warning
# Each rule is routed on purpose: none is left to the default but those of the sensor itself.
for alert in $(grep -hoE 'alert: (Hushtap(Alert|Tokens)|Api)[A-Za-z]+' hushtap.rules.yml hushtap-operator.rules.yml | cut -d' ' -f2); do
  case $(amtool config routes test --config.file=alertmanager.yml alertname="$alert" severity=warning 2>amtool.log) in
    security | api-owners) ;;
    *) fault "$alert goes to operations" ;;
  esac
done
for config in public.yml operator.yml; do promtool check config "$config" || fault "$config"; done
cd - >/dev/null || exit 1
"$HUSHTAP" check -c deploy/hushtap.toml >"$WORK/check" 2>&1 || { fault "deploy/hushtap.toml"; tail -3 "$WORK/check" >&2; }
if command -v systemd-analyze >/dev/null; then
  exposure=$(systemd-analyze security --offline=true deploy/systemd/hushtap.service 2>/dev/null | awk '/Overall exposure/ { print $(NF-2) }' | grep -oE '[0-9]+\.[0-9]+')
  echo "deploy: exposure of the unit: ${exposure:-unknown}"
  awk -v exposure="${exposure:-10}" 'BEGIN { exit exposure > 2.0 }' || fault "the unit is exposed more than 2.0"
fi
echo "deploy: $faults failed"
[ "$faults" = 0 ]
