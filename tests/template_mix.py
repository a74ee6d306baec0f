#!/usr/bin/env python3
"""Are requests shown under exactly the right path template? Mixes of routes, replayed from packets.

usage: tests/template_mix.py [--seeds N] [--first SEED] [--kinds LIST] [-v]

Each mix has at least 50 templates and 3,000 requests by 24 to 64 tokens, without OpenAPI and hints: user names, slugs, locales,
tickers, hashes, pairs of organisation and repository, tokens of letters only, and names that look like any of them. The
rules were tuned on seeds 1 to 12; each mix was written with other words, before it was first run. The share of requests
must be at least 0.97 in exactly the right template (whatever a parameter is called), no template may hold two true ones, and no value may be shown.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import template_worlds
from harness import Capture, binary, pseudonym_key

FIRST = """
GET /v1/users/{user}
PATCH /v1/users/{user}
GET /v1/users/me
GET /v1/users/search
GET /v1/users/{user}/settings
PUT /v1/users/{user}/settings
GET /v1/users/{user}/followers
GET /v1/users/{user}/wishlists/{slug}
GET /v1/users
POST /v1/users
GET /v1/articles
GET /v1/articles/{slug}
POST /v1/articles/new
GET /v1/articles/{slug}/comments
POST /v1/articles/{slug}/comments
GET /v1/articles/{slug}/comments/{int}
GET /v1/articles/trending
GET /{locale}/products/{slug}
GET /{locale}/categories/{slug}
GET /{locale}/checkout
GET /v1/quotes/{ticker}
GET /v1/quotes/{ticker}/history
GET /v1/quotes/{ticker}/dividends/{date}
GET /v1/watchlists/{int}/symbols/{ticker}
DELETE /v1/watchlists/{int}/symbols/{ticker}
GET /repos/{org}/{repo}
GET /repos/{org}/{repo}/issues
GET /repos/{org}/{repo}/issues/{int}
POST /repos/{org}/{repo}/issues
GET /repos/{org}/{repo}/commits/{hash}
GET /repos/{org}/{repo}/contributors
GET /orgs/{org}
GET /orgs/{org}/members
GET /v1/files/{hash}
GET /v1/files/{hash}/thumbnail
GET /v1/invites/{letters}
POST /v1/invites/{letters}/accept
GET /v1/password-resets/{letters}
GET /v1/orders/{int}
GET /v1/orders/{int}/items
POST /v1/orders/{int}:cancel
GET /v1/orders/{uuid}/receipt.pdf
POST /v1/orders
GET /api/snorkels
GET /api/snorkels/{int}
GET /api/snorkels/{int}/flippers
POST /api/snorkels/{int}/flippers
GET /api/snorkels/{slug}/gudgeons
GET /api/wibblers/{uuid}
PUT /api/wibblers/{uuid}
POST /api/wibblers/{uuid}/refrob
GET /api/wibblers/defaults
GET /api/getFizzleReport
GET /v10/thing-registry/{id}
GET /v1/i18n/{locale}
GET /v1/cities/{city}/weather
GET /v1/export/{slug}.csv
GET /health
GET /metrics
"""
SECOND = """
GET /v2/members/{user}
DELETE /v2/members/{user}
GET /v2/members/{user}/badges
GET /v2/members/{user}/playlists/{slug}
GET /v2/members/self
POST /v2/members
GET /v2/members
GET /blog/{slug}
GET /blog/{slug}/reactions
POST /blog/{slug}/reactions
GET /blog/latest
GET /blog/tags/{word}
GET /{locale}/help/{slug}
GET /{locale}/pricing
GET /{locale}/stores/{city}
GET /market/{ticker}
GET /market/{ticker}/candles
GET /market/{ticker}/news/{int}
GET /market/movers
GET /market/calendar/{date}
GET /projects/{org}/{repo}
GET /projects/{org}/{repo}/pipelines
POST /projects/{org}/{repo}/pipelines
GET /projects/{org}/{repo}/pipelines/{int}
GET /projects/{org}/{repo}/tree/{hash}
GET /projects/{org}/{repo}/pipelines/{int}/artifacts
PUT /projects/{org}/{repo}/pipelines/{int}/artifacts
GET /groups/{org}
GET /groups/{org}/runners
GET /blobs/{hash}
HEAD /blobs/{hash}
GET /shares/{letters}
POST /shares/{letters}/redeem
GET /unsubscribe/{letters}
GET /v2/bookings/{uuid}
GET /v2/bookings/{uuid}/passengers
PATCH /v2/bookings/{uuid}/passengers/{int}
POST /v2/bookings
GET /v2/bookings/{id}/boarding-pass.pdf
POST /v2/bookings/{uuid}/rebook
GET /internal/churnmaster/status
POST /internal/churnmaster/{int}/kick
GET /internal/churnmaster/{int}
GET /internal/pumpkins/{slug}/seeds
GET /internal/pumpkins/{slug}
PUT /internal/pumpkins/{slug}
GET /internal/lanternfish/{uuid}/depthmap
POST /internal/lanternfish/{uuid}/depthmap
GET /internal/lanternfish
POST /internal/syncLedgerNow
GET /v2/translations/{locale}
GET /v2/translations/{locale}/{word}
GET /v2/currencies/{ticker}/rates
GET /v2/devices/{id}
POST /v2/devices/{id}/wipe
GET /v2/airports/{city}/delays
GET /robots.txt
GET /livez
"""
THIRD = """
GET /{user}
GET /{user}/{repo}
GET /{user}/{repo}/releases
GET /{user}/{repo}/releases/{int}
POST /{user}/{repo}/forks
GET /{user}/{repo}/archive/{slug}.zip
GET /explore
GET /login
POST /login
GET /pricing
GET /api/v3/me
GET /api/v3/me/notifications
GET /api/v3/tenants/{org}/invoices
GET /api/v3/tenants/{org}/invoices/{int}
POST /api/v3/tenants/{org}/invoices/{int}/void
GET /api/v3/tenants/{org}/seats
PUT /api/v3/tenants/{org}/seats/{user}
DELETE /api/v3/tenants/{org}/seats/{user}
GET /api/v3/tenants/{org}/zorblets
POST /api/v3/tenants/{org}/zorblets
GET /api/v3/tenants/{org}/zorblets/{id}
GET /api/v3/recipes
GET /api/v3/recipes/{slug}
PUT /api/v3/recipes/{slug}
GET /api/v3/recipes/{slug}/steps
GET /api/v3/recipes/{slug}/steps/{int}
GET /api/v3/recipes/search
GET /api/v3/recipes/random
POST /api/v3/recipes/import
GET /api/v3/ingredients/{word}
GET /api/v3/ingredients/{word}/substitutes
GET /api/v3/moodboard
GET /api/v3/moodboard/{uuid}
GET /api/v3/kudos
POST /api/v3/kudos/{user}
GET /api/v3/kudos/leaderboard
GET /api/v3/gazetteer/{city}
GET /api/v3/gazetteer/{city}/suburbs
GET /api/v3/gazetteer/{city}/{locale}
GET /api/v3/tickerplant/{ticker}
GET /api/v3/tickerplant/{ticker}/ticks
GET /api/v3/tickerplant/{ticker}/ticks/{date}
GET /api/v3/vault/{hash}
PUT /api/v3/vault/{hash}
GET /api/v3/vault/{hash}/shards
GET /api/v3/handshake/{letters}
POST /api/v3/handshake/{letters}
GET /api/v3/magic/{letters}/open
GET /api/v3/preferences
PATCH /api/v3/preferences
GET /api/v3/preferences/{locale}
GET /api/v3/quizBank/{int}
GET /api/v3/quizBank/{int}/nextQuestion
POST /api/v3/quizBank/{int}/submitAnswer
GET /api/v3/audit-trail
GET /api/v3/audit-trail/{uuid}
GET /static/{hash}.js
GET /static/{hash}.css
GET /favicon.ico
GET /status
"""
FOURTH = """
GET /gateway/hospital/wards/{slug}
GET /gateway/hospital/wards/{slug}/beds
PUT /gateway/hospital/wards/{slug}/beds/{int}
GET /gateway/hospital/clinicians/{user}
GET /gateway/hospital/clinicians/{user}/rota
GET /gateway/hospital/clinicians/{user}/rota/{date}
PUT /gateway/hospital/clinicians/{user}/rota/{date}
GET /gateway/hospital/clinicians
GET /gateway/hospital/triage
POST /gateway/hospital/triage
GET /gateway/hospital/triage/{uuid}
GET /gateway/fleet/trucks
GET /gateway/fleet/trucks/{id}
GET /gateway/fleet/trucks/{id}/odometer
POST /gateway/fleet/trucks/{id}/odometer
GET /gateway/fleet/depots/{city}
GET /gateway/fleet/depots/{city}/forklifts
GET /gateway/fleet/depots/{city}/forklifts/{int}
GET /v1/me
PATCH /v1/me
GET /v1/me/settings
GET /v1/settings
POST /v1/pages/new
GET /v1/pages/{slug}
PUT /v1/pages/{slug}
DELETE /v1/pages/{slug}
GET /v1/pages/{slug}/revisions
GET /v1/pages/{slug}/revisions/{int}
GET /v1/pages/search
GET /v1/people/{user}
GET /v1/people/{user}/badges
GET /v1/people/{user}/badges/{word}
GET /v1/people/search
GET /v1/stocks/{ticker}/quote
GET /v1/stocks/{ticker}/chart/{word}
GET /v1/stocks/{ticker}
GET /v1/stocks/gainers
GET /v1/code/{org}/{repo}/branches
GET /v1/code/{org}/{repo}/branches/{word}
GET /v1/code/{org}/{repo}/blame/{hash}
POST /v1/code/{org}/{repo}/stars
DELETE /v1/code/{org}/{repo}/stars
GET /v1/code/{org}
GET /v1/locales/{locale}
GET /v1/locales/{locale}/strings
PUT /v1/locales/{locale}/strings/{slug}
GET /v1/docs/{locale}/{slug}
GET /v1/downloads/{letters}
HEAD /v1/downloads/{letters}
GET /v1/confirm/{letters}
POST /v1/auth/2fa
POST /v1/auth/magic-link
GET /v1/auth/sessions/{letters}
DELETE /v1/auth/sessions/{letters}
GET /v1/avatars/{user}.png
GET /v1/objects/{hash}
GET /v1/objects/{hash}/parents
GET /v1/beehives/{uuid}/honeycombs
GET /v1/beehives/{uuid}
POST /v1/beehives
GET /v2024-06/quotas/{org}
GET /readyz
GET /version
"""
MIXES = (FIRST, SECOND, THIRD, FOURTH)
WORDS = [
    """amber basin candle drift ember fable grove harbor island juniper kettle lantern meadow nectar orchard pebble quartz
    ribbon saddle timber umbrella velvet willow yonder zephyr anchor bread cinnamon dough garden kitchen summer winter quick
    easy guide how to make bake grow build fix your first best ten things about simple perfect hidden secret ultimate review
    release notes order history user getting started""".split(),
    """otter badger falcon heron lynx marten newt osprey puffin quail raven stoat tern vole wren copper granite marble slate
    basalt chalk travel packing walking cooking reading painting morning evening rainy sunny cheap slow fast little big why we
    love hate need these five seven mistakes lessons tips for beginners experts parents status update account security
    """.split(),
    """basil thyme saffron turmeric sumac paprika oregano sage mint dill clove anise fennel lentil chickpea barley millet quinoa
    risotto polenta gnocchi ramen udon laksa tagine goulash paella ceviche with and roasted braised creamy spicy crispy vegan one
    pot weeknight lemon ginger coconut tomato mushroom""".split(),
    """cedar birch maple aspen hemlock spruce larch alder rowan hazel main develop feature hotfix stable nightly daily weekly
    monthly gold silver bronze helper mentor pioneer onboarding handover checklist policy travel expense holiday remote work
    office map parking canteen fire drill first aid kit printer setup vpn access request form meeting minutes team lunch
    """.split(),
]
NAMES = [
    """ada boris chen dmitri elena farid grace hiro ines jonas kofi lena mateo nadia oscar priya quentin rosa sven tariq uma
    viktor wanda ximena yusuf zoe mark rose grant will max team support admin2""".split(),
    """aiko bram carla deepak emeka freya gustav hana ivan jorge keiko lars maria nkechi olga pedro qadir ruth soren tomas
    ursula vera wei xiao yara zainab bill may hope art pat lee""".split(),
    """abel bianca cyrus daria enzo fiona gil heidi idris jade kurt leila milo nora otis petra quincy rhea stefan thea umberto
    violet walt xavi yvette zane home news help root guest""".split(),
    """astrid boaz cleo dov elif fumiko gita hassan imani joost katya lior meera noor olivia pavel rafael saskia tobias ulla vikram
    wilma yannick zofia sue rob art max grace chip dash page reader""".split(),
]
SURNAMES = "smith garcia kowalski nguyen okafor tanaka mueller rossi silva ivanov brown dubois larsen khan lopez".split()
ORGS = [
    "acme globex initech umbrella-corp hooli vandelay stark wayne tyrell cyberdyne massive-dynamic soylent wonka gringotts "
    "oscorp nakatomi weyland aperture blackmesa monsters-inc".split(),
    "northwind contoso fabrikam litware proseware tailspin woodgrove adventure-works wingtip datum lucerne trey consolidated "
    "margie blueyonder coho fourth-coffee graphic-design humongous alpine".split(),
    "bluth-company dunder-mifflin sterling-cooper los-pollos pied-piper hanso primatech veridian duff kwik-e-mart central-perk".split(),
    "spacely cogswell planet-express momcorp buynlarge omni encom rekall lexcorp waystar-royco gekko prestige duke ewing-oil stay-puft".split(),
]
REPOS = [
    "api web docs core infra rocket-engine payments mobile-app dotfiles website cli sdk-python terraform-modules playground "
    "homepage data-pipeline auth-service design-system blog toolbox".split(),
    "frontend backend common scripts handbook kubernetes-charts ml-models ios android landing-page server client examples "
    "benchmarks monorepo styleguide bots search-index archive labs".split(),
    "vimrc advent-of-code portfolio notes thesis todo-app chess-engine raytracer scraper weather-bot config blog test game tools".split(),
    "atlas hermes zephyr ledger billing invoices search identity notify scheduler edge console portal ios-sdk loadtest charts images".split(),
]
TICKERS = [
    "AAPL MSFT GOOG AMZN META TSLA NVDA JPM KO PEP DIS NFLX INTC AMD IBM ORCL CRM ADBE NKE MCD SBUX BA CAT GE F GM T VZ KEY NOW TEAM".split(),
    "btc eth sol ada dot xrp ltc link uni atom near apt arb op inj sui doge shib avax matic eur usd gbp jpy chf".split(),
    "SAP.DE ASML.AS MC.PA NESN.SW SHEL.L ULVR.L AIR.PA SIE.DE BMW.DE VOD.L NOVN.SW IBE.MC ENI.MI OR.PA ADS.DE".split(),
    "AAL ABNB ADP ALL AON APP BK BLK CAR CASH COST D DASH DAY DELL EA ECHO EXE FAST FIX HD KEYS LOW MA MET MOD NET OPEN PATH POOL".split(),
]
LOCALES = [
    "en de fr es it pt-BR nl pl ja ko zh-CN sv".split(),
    "en-US en-GB de-DE fr-FR es-MX it-IT pt-PT nl-NL da-DK nb-NO fi-FI tr-TR".split(),
    "cs sk hu ro bg hr sl et lv lt el uk en fr".split(),
    "en_US en_GB de_DE fr_FR es_ES pt_BR ja_JP ko_KR zh_Hans zh_Hant ar_EG he_IL ru_RU".split(),
]
CITIES = "paris london berlin madrid rome vienna oslo dublin lisbon prague warsaw athens zurich geneva hamburg porto krakow seville".split()


class Values:
    """Draws parameter values as users would bring them."""

    def __init__(self, mix, rng, habit):
        self.mix, self.rng = mix, rng
        # Of 10 requests, how many are for what is popular; and whether a token asks for its own user and organisation only.
        self.popular, self.own = (0.6, False) if habit % 2 else (0.2, True)
        self.users = sorted({self.user() for _ in range(220)})
        self.slugs = sorted({"-".join(rng.choices(WORDS[mix], k=rng.choice((1, 2, 3, 3, 4, 5)))) for _ in range(260)})
        self.repos = [(org, rng.sample(REPOS[mix], rng.randrange(2, 7))) for org in ORGS[mix]]

    def user(self):
        first, last = self.rng.choice(NAMES[self.mix]), self.rng.choice(SURNAMES)
        forms = (first, f"{first}.{last}", f"{first}-{last}", f"{first}{last}", f"{first}_{last}", f"{first}{self.rng.randrange(1, 2000)}", f"{first[0]}{last}")
        return self.rng.choice(forms)

    def zipf(self, values):
        return values[min(int(self.rng.paretovariate(0.9)) - 1, len(values) - 1) if self.rng.random() < self.popular else self.rng.randrange(len(values))]

    def draw(self, kind, token):
        rng = self.rng
        mine = self.own and rng.random() < 0.8
        if kind == "org":
            self.pair = self.repos[token % len(self.repos)] if mine else self.zipf(self.repos)
            return self.pair[0]
        if kind == "repo":
            return rng.choice(self.pair[1])
        if kind == "user":
            name = self.users[token % len(self.users)] if mine else rng.choice(self.users)
            self.pair = (name, random.Random(name).sample(REPOS[self.mix], 3))
            return name
        simple = {
            "slug": lambda: self.zipf(self.slugs),
            "word": lambda: self.zipf(WORDS[self.mix]),
            "locale": lambda: self.zipf(LOCALES[self.mix]),
            "ticker": lambda: self.zipf(TICKERS[self.mix]),
            "city": lambda: self.zipf(CITIES),
            "hash": lambda: f"{rng.getrandbits(160):040x}" if rng.random() < 0.7 else f"{rng.getrandbits(256):064x}",
            "uuid": lambda: re.sub(r"(.{8})(.{4})(.{4})(.{4})", r"\1-\2-\3-\4-", f"{rng.getrandbits(128):032x}"),
            "int": lambda: str(rng.randrange(1, 10 ** rng.choice((2, 4, 6)))),
            "id": lambda: rng.choice(("dev_", "obj-", "")) + "".join(rng.choices("abcdefghjkmnpqrstuvwxyz23456789", k=9)),
            "letters": lambda: "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(8, 22))),
            "date": lambda: f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        }
        return simple[kind]()


def requests(mix, seed, count):
    """(token, method, path, true template, values) for each request."""
    rng = random.Random(seed * 2 + mix)
    values = Values(mix, rng, seed)
    routes = [line.split() for line in MIXES[mix].split("\n") if line]
    weights = [rng.lognormvariate(0, 0.6) for _ in routes]
    tokens = ["tok-" + "".join(rng.choices("abcdefghkmnpqrstuvwxyz23456789", k=28)) for _ in range((48, 64, 24, 36)[seed % 4])]
    for number in range(count):
        # Every template is asked for, most of them as often as their weight says.
        method, template = routes[number % len(routes)] if number < 6 * len(routes) else rng.choices(routes, weights)[0]
        used = []
        token = rng.randrange(len(tokens))

        def fill(match):
            used.append(values.draw(match[1], token))
            return used[-1]

        yield tokens[token], method, re.sub(r"{(\w+)}", fill, template), template, used


def capture(asked, seed):
    """The requests as packets, several on a connection."""
    rng = random.Random(seed)
    file = Capture()
    for at in range(0, len(asked), 5):
        file.micros += rng.randrange(10**6) if seed % 3 else 0
        for token, method, path, _, _ in asked[at : at + 5]:
            body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
            head = f"{method} {path} HTTP/1.1\r\nHost: api.example.test\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
            answer = b"" if method == "HEAD" else b"{}"
            file.conversation([(head.encode() + body, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)], f"198.51.100.{rng.randrange(2, 250)}")
    return file.bytes()


def plain(template):
    """A template with its parameters unnamed."""
    return re.sub(r"{[^}]*}", "{}", template)


def score(asked, shown):
    """(exact share, mixed templates, leaks, what went wrong)."""
    exact, covers, leaks, wrong = 0, collections.defaultdict(set), [], collections.Counter()
    for (_, method, path, template, values), (seen_method, seen) in zip(asked, shown, strict=True):
        assert method == seen_method, (path, seen_method)
        truth = f"{method} {plain(template)}"
        covers[f"{method} {plain(seen)}"].add(truth)
        if plain(template) == plain(seen):
            exact += 1
        else:
            wrong[f"{truth} as {seen}"] += 1
        pieces = re.split(r"[/.:]", seen)
        leaks += [f"{value} in {seen}" for value in values if value in pieces or (len(value) > 6 and value in seen)]
    mixed = {label: truths for label, truths in covers.items() if len(truths) > 1}
    return exact / len(asked), mixed, leaks, wrong


def run(mix, seed, count, verbose, work):
    asked = list(requests(mix, seed, count) if isinstance(mix, int) else template_worlds.requests(mix, seed, count))
    path = pathlib.Path(work, f"mix-{mix}-{seed}.pcap")
    path.write_bytes(capture(asked, seed))
    records, report = path.with_suffix(".ndjson"), path.with_suffix(".json")
    outputs = set()
    for workers in ("1", "3"):
        command = [binary(), "replay", str(path), "--workers", workers, "--report", "json", "-o", str(report), "--records", str(records), "--no-progress", "--pseudonym-key", str(pseudonym_key(work))]
        subprocess.run(command, check=True)
        outputs.add(records.read_bytes() + report.read_bytes())
    assert len(outputs) == 1, "the number of workers shows"
    shown = [(record["method"], record["endpoint"]) for record in map(json.loads, records.read_text().splitlines())]
    share, mixed, leaks, wrong = score(asked, shown)
    # The report must count as the records say.
    counted = {row["endpoint"]: row["requests"] for row in json.loads(report.read_text())["endpoints"]}
    from_records = collections.Counter(f"{method} {template}" for method, template in shown)
    agree = sum(min(count, counted.get(name, 0)) for name, count in from_records.items()) / len(shown)
    templates = len({(method, template) for _, method, _, template, _ in asked})
    print(f"mix {mix + 1 if isinstance(mix, int) else mix} seed {seed}: {templates} templates, {len(asked)} requests, exact {share:.4f}, mixed {len(mixed)}, values shown {len(leaks)}, report agrees {agree:.4f}")
    if verbose:
        for line, times in wrong.most_common(30):
            print(f"  {times:5} {line}")
        for label, truths in mixed.items():
            print(f"  mixed: {label}: {sorted(truths)}")
        print("  shown:", sorted(collections.Counter(leaks).items(), key=lambda item: -item[1])[:20])
    return share >= 0.97 and not mixed and not leaks and agree == 1


def kinds(text):
    return [int(kind) - 1 if kind.isdigit() else kind for kind in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--requests", type=int, default=3600)
    parser.add_argument("--kinds", default="1,2,3,4", help="numbers of mixes, or forge, bank, drawn, hospital, social")
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        results = [run(mix, seed, args.requests, args.v, work) for mix in kinds(args.kinds) for seed in range(args.first, args.first + args.seeds)]
    print(f"{sum(results)} of {len(results)} mixes are shown right")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
