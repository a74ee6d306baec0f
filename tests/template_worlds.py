"""More mixes of routes for template_mix.py: four that were written by hand, and as many as wanted that are drawn.

A drawn world has its own structure and words for each seed; those of seeds from 300 on have words of their own and were
not looked at while the rules were made, nor were the hand-written HOSPITAL and SOCIAL.
"""
import random
import re

FORGE = """
GET /api/v4/projects
GET /api/v4/projects/{int}
GET /api/v4/projects/{int}/merge_requests
GET /api/v4/projects/{int}/merge_requests/{int}
PUT /api/v4/projects/{int}/merge_requests/{int}/merge
GET /api/v4/projects/{int}/repository/branches
GET /api/v4/projects/{int}/repository/branches/{branch}
GET /api/v4/projects/{int}/repository/commits/{hash}
GET /api/v4/projects/{int}/repository/tags/{branch}
GET /api/v4/projects/{int}/variables/{constant}
PUT /api/v4/projects/{int}/variables/{constant}
GET /api/v4/groups
GET /api/v4/groups/{org}
GET /api/v4/groups/{org}/epics
POST /api/v4/groups/{org}/epics
GET /api/v4/groups/{org}/epics/{int}
GET /api/v4/groups/{org}/badgers
GET /api/v4/users/{user}
GET /api/v4/users/{user}/keys
GET /api/v4/users/{user}/status
GET /api/v4/runners/all
GET /api/v4/runners
GET /api/v4/runners/{int}
GET /api/v4/version
GET /api/v4/templates/licenses/{slug}
GET /api/v4/templates/gitignores/{word}
GET /{org}
GET /{org}/{repo}
GET /{org}/{repo}/-/issues
GET /{org}/{repo}/-/issues/{int}
POST /{org}/{repo}/-/issues
GET /{org}/{repo}/-/pipelines
GET /{org}/{repo}/-/pipelines/{int}
GET /{org}/{repo}/-/commit/{hash}
GET /{org}/{repo}/-/tree/{branch}
GET /{org}/{repo}/-/wikis/{slug}
GET /{org}/{repo}/-/environments/{word}
GET /explore
GET /explore/snippets
GET /dashboard
GET /dashboard/todos
GET /help
GET /help/{slug}
GET /search
GET /-/health
GET /-/liveness
GET /packages/npm/{slug}
GET /packages/npm/{slug}/{version}
GET /packages/maven/{slug}/{version}/{hash}.jar
GET /invites/{letters}
POST /invites/{letters}/accept
GET /oauth/authorize
POST /oauth/token
GET /uploads/{hash}/{slug}.png
"""
BANK = """
GET /openbank/v3/accounts
GET /openbank/v3/accounts/{iban}
GET /openbank/v3/accounts/{iban}/balances
GET /openbank/v3/accounts/{iban}/transactions
GET /openbank/v3/accounts/{iban}/transactions/{uuid}
GET /openbank/v3/accounts/{iban}/statements/{year}
GET /openbank/v3/accounts/{iban}/statements/{year}/{month}
POST /openbank/v3/accounts/{iban}/freeze
GET /openbank/v3/beneficiaries
POST /openbank/v3/beneficiaries
GET /openbank/v3/beneficiaries/{user}
DELETE /openbank/v3/beneficiaries/{user}
GET /openbank/v3/beneficiaries/{user}/mandates
GET /openbank/v3/fx/{currency}
GET /openbank/v3/fx/{currency}/{currency}
GET /openbank/v3/fx/spreads
GET /openbank/v3/funds/{ticker}
GET /openbank/v3/funds/{ticker}/holdings
GET /openbank/v3/funds/{ticker}/performance/{year}
GET /openbank/v3/funds/{ticker}/factsheet/{locale}
GET /openbank/v3/funds/screener
GET /openbank/v3/equities/{symbol}
GET /openbank/v3/equities/{symbol}/orderbook
POST /openbank/v3/equities/{symbol}/orders
GET /openbank/v3/equities/movers
GET /openbank/v3/cards/{id}
POST /openbank/v3/cards/{id}/unblock
PUT /openbank/v3/cards/{id}/limits
GET /openbank/v3/cards/designs/{colour}
GET /openbank/v3/branches/{city}
GET /openbank/v3/branches/{city}/hours
GET /openbank/v3/branches/{city}/advisors/{user}
GET /openbank/v3/loans/quote
POST /openbank/v3/loans
GET /openbank/v3/loans/{int}
GET /openbank/v3/loans/{int}/schedule
GET /openbank/v3/loans/{int}/collateral
GET /openbank/v3/merchants/{org}
GET /openbank/v3/merchants/{org}/terminals
GET /openbank/v3/merchants/{org}/terminals/{int}
POST /openbank/v3/merchants/{org}/settle
GET /openbank/v3/budgets/{month}
PUT /openbank/v3/budgets/{month}
GET /openbank/v3/budgets/{month}/{word}
GET /openbank/v3/consents/{letters}
DELETE /openbank/v3/consents/{letters}
GET /openbank/v3/me
GET /openbank/v3/me/devices
GET /{locale}/personal/{slug}
GET /{locale}/business/{slug}
GET /{locale}/rates
GET /{locale}/contact
GET /assets/{hash}.js
GET /actuator/health
"""
HOSPITAL = """
GET /fhir/Patient/{uuid}
GET /fhir/Patient
POST /fhir/Patient
GET /fhir/Observation/{uuid}
GET /fhir/Observation
GET /fhir/Encounter/{id}
PUT /fhir/Encounter/{id}
GET /fhir/metadata
GET /clinic/formulary/{word}
GET /clinic/formulary/{word}/interactions
GET /clinic/formulary/recalls
GET /clinic/physicians/{user}
GET /clinic/physicians/{user}/slots
GET /clinic/physicians/{user}/slots/{date}
POST /clinic/physicians/{user}/slots/{date}
GET /clinic/physicians/oncall
GET /clinic/departments/{slug}
GET /clinic/departments/{slug}/rosters/{weekday}
PUT /clinic/departments/{slug}/rosters/{weekday}
GET /clinic/theatres
GET /clinic/theatres/{colour}
POST /clinic/theatres/{colour}/sterilise
GET /clinic/appointments/{int}
PATCH /clinic/appointments/{int}
POST /clinic/appointments/{int}/confirm
GET /clinic/appointments/upcoming
GET /clinic/insurers/{org}
GET /clinic/insurers/{org}/plans
GET /clinic/insurers/{org}/plans/{repo}
GET /clinic/insurers/{org}/plans/{repo}/copays
POST /clinic/insurers/{org}/preauth
GET /clinic/sites/{city}
GET /clinic/sites/{city}/visitors
GET /clinic/sites/{city}/parkade
GET /clinic/labs/{letters}
POST /clinic/labs/{letters}/release
GET /clinic/scans/{hash}
GET /clinic/scans/{hash}/slices/{int}
GET /clinic/leaflets/{locale}
GET /clinic/leaflets/{locale}/{slug}
GET /clinic/leaflets/index
GET /clinic/bloodbank/{bloodgroup}
PUT /clinic/bloodbank/{bloodgroup}/units
GET /clinic/codes/{constant}
GET /clinic/codes/{constant}/descendants
GET /portal/home
GET /portal/inbox
GET /portal/inbox/{uuid}
POST /portal/inbox/{uuid}/reply
GET /portal/consent/{letters}
POST /portal/login
GET /portal/avatars/{user}.jpg
GET /status
"""
SOCIAL = """
GET /{user}
GET /{user}/followers
GET /{user}/likes
GET /{user}/status/{int}
POST /{user}/poke
GET /about
GET /login
POST /login
GET /trending
GET /explore
GET /explore/{word}
GET /hashtag/{word}
GET /hashtag/{word}/top
GET /i/moments/{int}
GET /i/spaces/{letters}
GET /{lang}/{country}/guidelines
GET /{lang}/{country}/guidelines/{slug}
GET /{lang}/{country}/careers
GET /graph/v19/circles
POST /graph/v19/circles
GET /graph/v19/circles/{slug}
GET /graph/v19/circles/{slug}/pals
PUT /graph/v19/circles/{slug}/pals/{user}
DELETE /graph/v19/circles/{slug}/pals/{user}
GET /graph/v19/circles/suggested
GET /graph/v19/stories/{uuid}
GET /graph/v19/stories/{uuid}/viewers
GET /graph/v19/stories/reel
GET /graph/v19/brands/{org}
GET /graph/v19/brands/{org}/campaigns
GET /graph/v19/brands/{org}/campaigns/{repo}
PATCH /graph/v19/brands/{org}/campaigns/{repo}
GET /graph/v19/brands/{org}/campaigns/{repo}/spend
GET /graph/v19/stickers/{word}
GET /graph/v19/stickers/{word}/{colour}
GET /graph/v19/cashtags/{ticker}
GET /graph/v19/cashtags/{ticker}/chatter
GET /graph/v19/cashtags/{ticker}/sentiment/{date}
GET /graph/v19/cashtags/soaring
GET /graph/v19/places/{city}
GET /graph/v19/places/{city}/checkins
POST /graph/v19/places/{city}/checkins
GET /graph/v19/blobs/{hash}
HEAD /graph/v19/blobs/{hash}
GET /graph/v19/captions/{locale}
GET /graph/v19/horoscope/{month}
GET /graph/v19/vouch/{letters}
POST /graph/v19/vouch/{letters}/claim
GET /graph/v19/self
PATCH /graph/v19/self
GET /graph/v19/self/blocklist
GET /graph/v19/polls/{int}
POST /graph/v19/polls/{int}/ballot
GET /graph/v19/events/{slug}/{year}
"""


def words(text):
    return text.split()


# Values. Those of one pool are cut in two: the even ones are for tuned worlds, the odd ones for those held out.
POOLS = {
    "first": """liam olivia noah emma oliver charlotte james amelia elijah sophia william isabella henry ava lucas mia benjamin evelyn theodore luna jack harper levi
    camila daniel sofia michael scarlett mason elizabeth sebastian eleanor ethan emily logan chloe owen mila samuel violet jacob penelope asher gianna aiden
    aria john abigail joseph ella wyatt avery david hazel leo nora luke layla julian lily hudson aurora grayson nova matthew ellie ezra madison gabriel grace
    carter isla isaac willow jayden zoe luca riley anthony stella dylan eliana lincoln ivy thomas victoria maverick emilia elias zoey josiah naomi charles
    hannah caleb lucy christopher elena ezekiel lillian miles maya jaxon leah isaiah paisley andrew addison joshua natalie nathan valentina nolan everly adrian
    delilah cameron leilani santiago madelyn eli kinsley aaron ruby ryan sophie angel alice cooper genesis waylon claire easton audrey kai sadie christian aaliyah
    landon josephine colton autumn roman brooklyn axel quinn brooks kennedy jonathan cora robert savannah jameson caroline ian athena everett natalia greyson
    hailey wesley aubrey jeremiah emery hunter anna leonardo iris jordan bella jose eva bennett skylar silas jade parker gabriella beau ariana weston maria austin
    mark rose grant will may art pat bill hope max chip dash page guest admin support root test help""",
    "last": """smith johnson brown jones garcia miller davis lopez wilson anderson taylor moore lee clark walker hall young king wright hill green adams baker nelson
    carter mitchell turner cook bell bailey cox howard ward brooks price wood ross long foster hughes""",
    "word": """red blue green purple orange yellow teal indigo magenta beige ivory coral river mountain forest desert ocean valley canyon glacier meadow volcano
    guitar piano violin trumpet drums cello flute harp banjo oboe chess soccer tennis hockey cricket rugby golf boxing rowing skiing pizza pasta sushi curry salad burger
    tacos soup bread cheese honey coffee tea juice water wine beer travel music fashion fitness health finance science history politics business security design
    photography gardening cooking camping fishing hiking sailing climbing yoga running cycling swimming dancing painting drawing writing reading gaming movies books
    games sports news weather food art love summer winter spring autumn party wedding birthday holiday sunset rainbow thunder lightning puppy kitten horse tiger eagle
    dolphin penguin koala panda rabbit hamster parrot turtle lizard beetle monday january home work office search status export update queue report profile settings""",
    "slug": """ultimate simple guide how to make build grow easy best ten tips for your first garden house budget winter summer quick healthy secret modern classic
    little big why we love hate need five seven mistakes lessons beginners experts parents students update account release notes order history user getting started
    review complete checklist strategies vintage leather wooden ceramic portable wireless organic recycled waterproof lamp chair table backpack bottle jacket sneakers
    headphones keyboard notebook bicycle blanket candle mirror basket what every should know about the new of and with without from zero hero inside behind""",
    "org": """acme globex initech hooli vandelay stark wayne tyrell cyberdyne soylent wonka oscorp nakatomi weyland aperture octan umbrella massive-dynamic pied-piper
    monsters-inc northwind contoso fabrikam litware proseware tailspin woodgrove wingtip datum lucerne margie humongous alpine-ski bluth dunder-mifflin sterling-cooper
    los-pollos hanso primatech veridian duff kwik-e-mart central-perk spacely cogswell planet-express momcorp omni encom rekall lexcorp waystar gekko duke prestige
    stay-puft apple google amazon netflix target shell oracle square stripe unity""",
    "repo": """api web docs core infra payments mobile-app dotfiles website cli sdk-python terraform-modules playground homepage data-pipeline auth-service design-system
    blog toolbox frontend backend common scripts handbook kubernetes-charts ml-models ios android landing-page server client examples benchmarks monorepo styleguide
    bots search-index archive labs notes thesis todo-app chess-engine raytracer scraper config test game tools atlas hermes zephyr ledger billing identity notify
    scheduler edge console portal loadtest charts images search settings issues""",
    "ticker": """AAPL MSFT GOOG AMZN META TSLA NVDA JPM KO PEP DIS NFLX INTC AMD IBM ORCL CRM ADBE NKE MCD SBUX BA CAT GE F GM T VZ KEY NOW TEAM ALL CAR CASH COST DAY
    FAST HD KEYS LOW MA MET NET OPEN PATH POOL V X Y Z HOOD COIN PLTR SNOW UBER LYFT ABNB SHOP SPOT""",
    "coin": """btc eth sol ada dot xrp ltc link uni atom near apt arb op inj sui doge shib avax matic bch etc fil icp vet algo grt mkr snx crv comp dash zec xmr neo
    eos trx xlm xtz egld""",
    "exchange": """SAP.DE ASML.AS MC.PA NESN.SW SHEL.L ULVR.L AIR.PA SIE.DE BMW.DE VOD.L NOVN.SW IBE.MC ENI.MI OR.PA ADS.DE BRK.B BF.B RDS.A HSBA.L BP.L RIO.L AZN.L
    TTE.PA BNP.PA DTE.DE BAS.DE""",
    "locale": "en de fr es it pt nl pl ja ko zh sv da nb fi tr cs sk hu ro bg hr sl et lv lt el uk ru ar he th vi id",
    "region": """en-us en-gb de-de fr-fr es-mx it-it pt-br nl-nl da-dk nb-no fi-fi tr-tr pl-pl ja-jp ko-kr zh-cn sv-se cs-cz hu-hu es-es fr-ca de-at en-au en-ca""",
    "country": "us gb de fr es it nl be at ch pl se no dk fi pt ie gr cz hu ro bg jp kr cn in br mx ca au",
    "city": """paris london berlin madrid rome vienna oslo dublin lisbon prague warsaw athens zurich geneva hamburg porto krakow seville tokyo osaka seoul mumbai delhi
    cairo lagos nairobi boston chicago denver austin dallas seattle new-york san-francisco los-angeles rio-de-janeiro sao-paulo cape-town phoenix orlando""",
    "currency": "USD EUR GBP JPY CHF AUD CAD NZD SEK NOK DKK PLN CZK HUF TRY ZAR INR CNY HKD SGD KRW BRL MXN THB",
    "month": "january february march april may june july august september october november december",
    "weekday": "monday tuesday wednesday thursday friday saturday sunday",
    "colour": """crimson scarlet amber ochre olive lime jade teal cyan azure cobalt navy indigo violet plum mauve rose coral salmon peach tan sienna umber bronze silver
    gold pearl ivory slate charcoal""",
    "branch": """main develop master staging release-2 feature-login hotfix-cache fix-typo gh-pages next stable canary bugfix-42 experiment docs-update nightly v2 v1.4
    dependabot spike-redis refactor-auth add-tests""",
    "constant": """DATABASE_URL API_KEY LOG_LEVEL PORT NODE_ENV REDIS_HOST SECRET_TOKEN AWS_REGION DEPLOY_ENV SENTRY_DSN MAX_CONN TIMEOUT CACHE_TTL SMTP_HOST JAVA_OPTS
    DEBUG TZ LANG HOME PATH HYPERTENSION ASTHMA ANGINA FRACTURE""",
    "bloodgroup": "a-pos a-neg b-pos b-neg ab-pos ab-neg o-pos o-neg",
}

# Names of drawn worlds: collections, those outside the built-in vocabulary, what is done with one, and what stands beside.
KNOWN = """users orders products invoices customers payments events devices documents messages projects tasks tickets reports files groups members comments reviews
categories subscriptions notifications workflows campaigns contacts addresses shipments vendors assets teams articles playlists albums carts coupons refunds""".split()
UNKNOWN = """kayaks anvils ferments lanterns gaskets falconers brews tapestries sundials turbines quarries beacons orchids looms furnaces aqueducts marinas hangars
silos vineyards hives kilns trawlers gondolas chapels ravines burrows thickets pulleys sprockets flanges dovetails bobbins rivets trusses girders culverts moorings
buoys winches ballasts sextants astrolabes zithers snares gongs""".split()
SUBS = """items history settings members comments attachments permissions logs versions tags metrics notes photos addresses invoices schedule spindles ledgerlines
crankshafts tidemarks footings hatchways rigging sediments plumage overtones cartouches bylines gradients offcuts burls knotwork""".split()
VERBS = "approve cancel archive retry publish pause resume refund activate defrost recalibrate enqueue reticulate burnish decant splice graft temper reforge".split()
BESIDE = """search latest popular stats export mine suggestions laggards overdue nearby bestsellers shortlist winners outliers dormant newcomers backlog leaderboard
hotlist clearance""".split()
ROOTS = "about login pricing terms features jobs press security manifesto colophon newsroom imprint".split()
PARAMS = """user user slug slug word word locale region ticker coin exchange org city currency month colour branch constant letters letters hash hash uuid uuid int int
int id id date iban""".split()


def half(values, held):
    """The part of a pool that is for these worlds. Small pools, and words everybody has, are not cut."""
    return values if len(values) < 13 else values[held::2]


def grow(seed, held):
    """The routes of a drawn world."""
    rng = random.Random(f"world {seed}")
    draw = lambda pool: rng.choice(half(pool, held))
    prefix = rng.choice(("/api/v1", "/v2", "", "/api", "/rest/v3", "/gateway/" + draw(UNKNOWN), "/" + draw(UNKNOWN) + "/v1"))
    routes, used = [], set()
    if rng.random() < 0.3:
        routes += ["GET /{user}", "GET /{user}/" + draw(SUBS), *("GET /" + name for name in rng.sample(half(ROOTS, held), 3))]
        if rng.random() < 0.5:
            routes += ["GET /{user}/{repo}", *(f"GET /{{user}}/{{repo}}/{sub}" for sub in rng.sample(half(SUBS, held), 2))]
    elif rng.random() < 0.4:
        kind = rng.choice(("locale", "region"))
        routes += [f"GET /{{{kind}}}/{draw(KNOWN)}/{{slug}}", f"GET /{{{kind}}}/{draw(UNKNOWN)}", f"GET /{{{kind}}}/{draw(ROOTS)}"]
    if rng.random() < 0.6:
        name = rng.choice(("repos", "projects", "code", draw(UNKNOWN)))
        used.add(name)
        subs = rng.sample(half(SUBS, held), 3)
        pair = f"{prefix}/{name}/{{org}}/{{repo}}"
        routes += [f"GET {pair}", f"GET {pair}/{subs[0]}", f"POST {pair}/{subs[0]}", f"GET {pair}/{subs[0]}/{{int}}", f"GET {pair}/{subs[1]}", f"GET {pair}/{subs[2]}/{{hash}}"]
        routes += [f"GET {prefix}/{name}/{{org}}"] * (rng.random() < 0.5)
    goal = rng.randrange(52, 66)
    while len(routes) < goal:
        name = draw(KNOWN if rng.random() < 0.5 else UNKNOWN)
        if name in used:
            continue
        used.add(name)
        at, kind = f"{prefix}/{name}", rng.choice(PARAMS)
        one = f"{at}/{{{kind}}}"
        routes.append(f"GET {one}")
        routes += [f"{method} {at}" for method in ("GET", "POST") if rng.random() < 0.5]
        routes += [f"{method} {one}" for method in ("PUT", "DELETE", "PATCH") if rng.random() < 0.2]
        for sub in rng.sample(half(SUBS, held), rng.choice((0, 1, 1, 2))):
            routes.append(f"GET {one}/{sub}")
            routes += [f"POST {one}/{sub}"] * (rng.random() < 0.3)
            routes += [f"GET {one}/{sub}/{{{rng.choice(PARAMS)}}}"] * (rng.random() < 0.5)
        routes += [f"POST {one}/{draw(VERBS)}"] * (rng.random() < 0.4)
        routes += [f"GET {at}/{draw(BESIDE)}"] * (rng.random() < 0.4)
        routes += [f"POST {at}/{draw(BESIDE)}"] * (rng.random() < 0.15)
    routes += [f"GET {name}" for name in ("/health", "/metrics") if rng.random() < 0.5]
    return list(dict.fromkeys(routes))


class World:
    """Routes, and values for their parameters as users would bring them."""

    def __init__(self, routes, seed, held):
        self.rng = rng = random.Random(f"values {seed}")
        self.routes = [route.split() for route in routes]
        names = {piece for _, template in self.routes for piece in re.split(r"[/.:]", template) if "{" not in piece}
        # No value is also the name of a route: that it is shown could not be told from a name.
        pool = lambda kind: [value for value in half(words(POOLS[kind]), held) if value not in names]
        self.values = {kind: pool(kind) for kind in POOLS}
        self.own = rng.random() < 0.4
        self.popular = rng.choice((0.0, 0.2, 0.5, 0.8))
        self.few = {kind: rng.sample(values, min(len(values), rng.choice((5, 8, 12, 20, 40)))) for kind, values in self.values.items()}
        self.users = sorted({self.user() for _ in range(rng.choice((40, 120, 300)))} - names)
        self.slugs = sorted({"-".join(rng.choices(self.values["slug"], k=rng.choice((2, 3, 3, 4, 5)))) for _ in range(rng.choice((30, 100, 260)))})
        self.repos = {org: rng.sample(self.values["repo"], rng.randrange(2, 7)) for org in self.few["org"]}
        self.pair = []

    def user(self):
        first, last = self.rng.choice(self.values["first"]), self.rng.choice(self.values["last"])
        return self.rng.choice((first, first, f"{first}.{last}", f"{first}-{last}", f"{first}{last}", f"{first}_{last}", f"{first}{self.rng.randrange(1, 2000)}", f"{first[0]}{last}"))

    def pick(self, values):
        at = int(self.rng.paretovariate(0.9)) - 1 if self.rng.random() < self.popular else self.rng.randrange(len(values))
        return values[min(at, len(values) - 1)]

    def draw(self, kind, token):
        rng, mine = self.rng, self.own and self.rng.random() < 0.8
        if kind in ("user", "org"):
            values = self.users if kind == "user" else self.few["org"]
            owner = values[token % len(values)] if mine else self.pick(values)
            self.pair = self.repos.setdefault(owner, random.Random(owner).sample(self.values["repo"], 3))
            return owner
        if kind == "repo":
            return rng.choice(self.pair)
        if kind == "slug":
            return self.pick(self.slugs)
        if kind == "lang":
            return self.pick(self.few["locale"])
        if kind == "symbol":
            return self.pick(self.few["coin"])
        made = {
            "hash": lambda: f"{rng.getrandbits(160):040x}" if rng.random() < 0.7 else f"{rng.getrandbits(256):064x}",
            "uuid": lambda: re.sub(r"(.{8})(.{4})(.{4})(.{4})", r"\1-\2-\3-\4-", f"{rng.getrandbits(128):032x}"),
            "int": lambda: str(rng.randrange(1, 10 ** rng.choice((2, 4, 6)))),
            "id": lambda: rng.choice(("dev_", "obj-", "")) + "".join(rng.choices("abcdefghjkmnpqrstuvwxyz23456789", k=9)),
            "letters": lambda: "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(8, 22))),
            "date": lambda: f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
            "iban": lambda: f"DE{rng.randrange(10**19, 10**20)}",
            "year": lambda: str(rng.randrange(2015, 2027)),
            "version": lambda: f"{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(9)}",
        }
        return made[kind]() if kind in made else self.pick(self.few[kind])


WRITTEN = {"forge": FORGE, "bank": BANK, "hospital": HOSPITAL, "social": SOCIAL}


def requests(name, seed, count):
    """(token, method, path, true template, values) for each request."""
    held = int(seed >= 300 or name in ("hospital", "social"))
    routes = grow(seed, held) if name == "drawn" else [line for line in WRITTEN[name].split("\n") if line]
    world = World(routes, f"{name} {seed}", held)
    rng = random.Random(f"requests {name} {seed}")
    weights = [rng.lognormvariate(0, rng.choice((0.4, 0.8))) for _ in world.routes]
    tokens = ["tok-" + "".join(rng.choices("abcdefghkmnpqrstuvwxyz23456789", k=28)) for _ in range(rng.randrange(24, 65))]
    for number in range(count):
        # Every template is asked for, most of them as often as their weight says.
        method, template = world.routes[number % len(world.routes)] if number < 6 * len(world.routes) else rng.choices(world.routes, weights)[0]
        used = []
        token = rng.randrange(len(tokens))

        def fill(match):
            used.append(world.draw(match[1], token))
            return used[-1]

        yield tokens[token], method, re.sub(r"{(\w+)}", fill, template), template, used
