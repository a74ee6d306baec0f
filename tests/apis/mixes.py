"""Mixes of routes, each after a public API.

A line is `[weight] METHOD template`; weight `r`: rare (5 to 20 requests), `c`: common.
"""

import random

from apis.traffic import *
from apis.words import *


def owner_of(name, n, make, own=0.0, s=1.0):
    """A parent; child() draws one of its own children."""
    def draw(w):
        v = w.own(name, 2, make) if w.rng.random() < own else w.shared(name + "/all", n, make, s)
        w.ctx[name] = v
        return v
    return draw
def child(parent, name, make, a=1, b=6):
    def draw(w):
        return w.shared((name, w.ctx[parent]), random.Random(str((name, w.ctx[parent]))).randint(a, b), make, .8)
    return draw
W = World
fresh = lambda make: make
shared = lambda name, n, make, s=1.0: (lambda w: w.shared(name, n, make, s))
own = lambda name, n, make, stray=0.0: (lambda w: w.own(name, n, make, stray))
listed = lambda name, values, n=None, s=1.0: (lambda w: w.listed(name, values, n, s))
num = lambda a, b: (lambda w: w.num(a, b))
repo_name = lambda w: w.c(w.tech(), w.tech() + "-" + w.noun(), w.noun() + "-" + w.c("cli", "ui", "api", "server", "client", "docs", "core"), w.c("dotfiles", "blog", "website", "infra", "scripts", "awesome-" + w.noun()), w.tech() + ".js", w.noun() + "_" + w.noun(), w.noun().title() + w.noun().title())
branch = lambda w: w.rng.choices(("main", "master", "develop", "release-" + w.num(1, 9) + "." + w.num(0, 9), w.c("fix", "feature", "bugfix", "chore") + "-" + w.slug(2, 3), "v" + w.semver()), (40, 20, 12, 8, 15, 5))[0]
# A few user names that are words used as route names elsewhere.
clash = lambda make, words: (lambda w: w.rng.choice(words) if w.rng.random() < .08 else make(w))

github = Mix("github", """
c GET /users/{login}
GET /users/{login}/repos
GET /users/{login}/orgs
GET /users/{login}/followers
r GET /users/{login}/following/{login}
GET /users/{login}/starred
r GET /users/{login}/gists
r GET /users/{login}/events/public
GET /user
GET /user/repos
r GET /user/emails
GET,PUT,DELETE /user/starred/{owner}/{repo}
c GET /repos/{owner}/{repo}
PATCH /repos/{owner}/{repo}
c GET /repos/{owner}/{repo}/issues
GET /repos/{owner}/{repo}/issues/{n}
POST /repos/{owner}/{repo}/issues/{n}/comments
GET /repos/{owner}/{repo}/issues/comments/{big}
r DELETE /repos/{owner}/{repo}/issues/{n}/labels/{label}
GET /repos/{owner}/{repo}/labels
r GET /repos/{owner}/{repo}/labels/{label}
c GET /repos/{owner}/{repo}/pulls
c GET /repos/{owner}/{repo}/pulls/{n}
GET /repos/{owner}/{repo}/pulls/{n}/files
r PUT /repos/{owner}/{repo}/pulls/{n}/merge
GET /repos/{owner}/{repo}/commits/{sha}
r GET /repos/{owner}/{repo}/commits/{sha}/check-runs
GET /repos/{owner}/{repo}/compare/{span}
GET /repos/{owner}/{repo}/branches
GET /repos/{owner}/{repo}/branches/{branch}
r GET /repos/{owner}/{repo}/branches/{branch}/protection
GET /repos/{owner}/{repo}/contents/{file}
GET /repos/{owner}/{repo}/git/trees/{sha}
r GET /repos/{owner}/{repo}/git/blobs/{sha}
GET /repos/{owner}/{repo}/git/refs/heads/{branch}
GET /repos/{owner}/{repo}/releases
GET /repos/{owner}/{repo}/releases/latest
GET /repos/{owner}/{repo}/releases/{big}
GET /repos/{owner}/{repo}/releases/tags/{tag}
r GET /repos/{owner}/{repo}/tarball/{tag}
GET /repos/{owner}/{repo}/actions/runs
GET /repos/{owner}/{repo}/actions/runs/{big}/jobs
r POST /repos/{owner}/{repo}/actions/runs/{big}/cancel
GET /repos/{owner}/{repo}/actions/workflows/{yml}/runs
GET /repos/{owner}/{repo}/collaborators/{login}/permission
GET /repos/{owner}/{repo}/languages
r GET /repos/{owner}/{repo}/readme
GET /orgs/{owner}
GET /orgs/{owner}/repos
GET /orgs/{owner}/members
r GET /orgs/{owner}/members/{login}
r GET /orgs/{owner}/teams/{team}/members
GET /search/repositories
GET /search/code
r GET /search/users
GET /gists/{gist}
r GET /gists/{gist}/{sha}
r POST /gists
r GET /licenses
r GET /licenses/{license}
GET /rate_limit
r GET /emojis
r GET /gitignore/templates/{lang}
""", dict(login=own("login", 2, clash(W.login, ["search", "settings", "issues", "releases", "admin", "test"]), .35), owner=owner_of("owner", 90, clash(lambda w: w.c(w.login(), w.company(), w.tech()), ["search", "actions", "labels", "releases"]), .4),
    repo=child("owner", "repo", repo_name), n=num(1, 3000), big=num(10**8, 10**9), sha=lambda w: w.hexs(40), gist=own("gist", 3, lambda w: w.hexs(32)), branch=shared("br", 60, branch), label=shared("lb", 25, lambda w: w.c("bug", "enhancement", "question", "wontfix", "duplicate", "invalid", "good%20first%20issue", "help%20wanted", "P1", "area%2Fui", w.noun(), "kind%2F" + w.noun())),
    span=lambda w: f"v{w.semver()}...v{w.semver()}", file=shared("f", 60, lambda w: w.c("README.md", "package.json", "Cargo.toml", "Makefile", "Dockerfile", "LICENSE", w.noun() + ".py", w.noun() + ".ts", w.tech() + ".yml")), tag=shared("t", 80, lambda w: "v" + w.semver()), yml=shared("y", 14, lambda w: w.c("ci.yml", "test.yml", "release.yml", "deploy.yml", "lint.yaml", w.noun() + ".yml")),
    team=shared("tm", 30, lambda w: w.c("core", "frontend", "backend", "infra", "security", "design", w.noun(), w.noun() + "-team")), license=listed("li", "mit apache-2.0 gpl-3.0 bsd-2-clause bsd-3-clause mpl-2.0 agpl-3.0 unlicense isc lgpl-2.1".split()), lang=listed("la", "Python Rust Go Node Java Ruby C Haskell Scala Swift Elixir".split())))

gitlab = Mix("gitlab", """
GET /api/v4/projects
c GET /api/v4/projects/{enc}
GET /api/v4/projects/{enc}/issues
GET /api/v4/projects/{enc}/issues/{n}
GET,POST /api/v4/projects/{enc}/issues/{n}/notes
c GET /api/v4/projects/{enc}/merge_requests
c GET /api/v4/projects/{enc}/merge_requests/{n}
GET /api/v4/projects/{enc}/merge_requests/{n}/changes
PUT /api/v4/projects/{enc}/merge_requests/{n}/merge
r POST /api/v4/projects/{enc}/merge_requests/{n}/approve
c GET /api/v4/projects/{enc}/pipelines
GET /api/v4/projects/{enc}/pipelines/{big}
GET /api/v4/projects/{enc}/pipelines/{big}/jobs
r POST /api/v4/projects/{enc}/pipelines/{big}/retry
GET /api/v4/projects/{enc}/jobs/{big}/trace
GET /api/v4/projects/{enc}/jobs/{big}/artifacts
r GET /api/v4/projects/{enc}/jobs/artifacts/{branch}/download
GET /api/v4/projects/{enc}/repository/branches
GET /api/v4/projects/{enc}/repository/branches/{branch}
GET /api/v4/projects/{enc}/repository/commits/{sha}
r GET /api/v4/projects/{enc}/repository/commits/{sha}/diff
GET /api/v4/projects/{enc}/repository/files/{encfile}/raw
GET /api/v4/projects/{enc}/repository/tree
GET /api/v4/projects/{enc}/repository/tags/{tag}
r GET /api/v4/projects/{enc}/variables
GET,PUT /api/v4/projects/{enc}/variables/{var}
GET /api/v4/projects/{enc}/members/all
r GET /api/v4/projects/{enc}/wikis/{wiki}
r GET /api/v4/projects/{enc}/packages/generic/{pkg}/{ver}/{file}
r GET /api/v4/projects/{enc}/environments
r GET /api/v4/projects/{enc}/snippets/{n}/raw
GET /api/v4/groups/{group}
GET /api/v4/groups/{group}/projects
GET /api/v4/groups/{group}/members
r GET /api/v4/groups/{group}/epics/{n}
r GET /api/v4/groups/{group}/labels
GET /api/v4/users
GET /api/v4/users/{uid}
r GET /api/v4/users/{uid}/projects
r GET /api/v4/users/{uid}/keys
GET /api/v4/user
r GET /api/v4/version
r GET /api/v4/runners/{n}
GET /api/v4/templates/licenses/{license}
r GET /api/v4/templates/gitignores/{lang}
r GET /api/v4/features
GET /{g}/{p}/-/merge_requests/{n}
GET /{g}/{p}/-/issues/{n}
GET /{g}/{p}/-/blob/{branch}/{file}
GET /{g}/{p}/-/tree/{branch}
r GET /{g}/{p}/-/commit/{sha}
r GET /{g}/{p}/-/raw/{branch}/{file}
r GET /{g}/{p}/-/settings/ci_cd
r GET /{g}/{p}/-/pipelines
GET /users/sign_in
r GET /-/profile
r GET /help
r GET /explore/projects
""", dict(enc=own("enc", 3, lambda w: w.c(w.num(1000, 99999), f"{w.c(w.company(), w.noun())}%2F{repo_name(w)}", f"{w.company()}%2F{w.noun()}%2F{repo_name(w)}"), .4), n=num(1, 900), big=num(10**6, 10**7), uid=num(10, 99999), branch=shared("br", 50, branch), sha=lambda w: w.hexs(w.c(40, 8)), tag=shared("t", 50, lambda w: "v" + w.semver()),
    encfile=shared("ef", 60, lambda w: f"{w.c('src', 'app', 'lib', 'docs')}%2F{w.noun()}.{w.c('rb', 'py', 'md', 'go')}"), var=shared("var", 40, lambda w: f"{w.noun().upper()}_{w.c('TOKEN', 'KEY', 'URL', 'HOST')}"), wiki=shared("wk", 20, W.slug), pkg=shared("pk", 15, lambda w: w.tech()), ver=lambda w: w.semver(), file=shared("fi", 40, lambda w: w.noun() + "." + w.c("py", "md", "rb", "tar.gz", "zip")),
    group=shared("gr", 60, lambda w: w.c(w.company(), w.noun(), w.pron(4, 7))), license=listed("li", "mit apache-2.0 gpl-3.0 bsd-2-clause bsd-3-clause mpl-2.0 agpl-3.0 unlicense isc".split()), lang=listed("la", "Python Rust Go Node Java Ruby Haskell Scala Swift".split()),
    g=owner_of("g", 60, lambda w: w.c(w.company(), w.noun(), w.login()), .3), p=child("g", "p", repo_name)))

registry = Mix("registries", """
c GET /npm/{npm}
GET /npm/{npm}/latest
GET /npm/{npm}/{ver}
GET /npm/{npm}/-/{tgz}
GET /npm/@{scope}%2f{npm}
r GET /npm/-/package/{npm}/dist-tags
r PUT,DELETE /npm/-/package/{npm}/dist-tags/{tagname}
r GET /npm/-/v1/search
r GET /npm/-/whoami
r GET /npm/-/ping
r PUT /npm/-/user/org.couchdb.user:{login}
r POST /npm/-/npm/v1/security/audits/quick
c GET /simple/{pypi}/
c GET /pypi/{pypi}/json
GET /pypi/{pypi}/{ver}/json
r GET /simple/
GET /packages/{hh}/{hh}/{h60}/{whl}
GET /project/{pypi}/
r GET /project/{pypi}/{ver}/
r GET /user/{login}/
GET /v2/
c GET,HEAD /v2/{dorg}/{dimg}/manifests/{dtag}
c GET /v2/{dorg}/{dimg}/blobs/sha256:{h64}
POST /v2/{dorg}/{dimg}/blobs/uploads/
PATCH,PUT /v2/{dorg}/{dimg}/blobs/uploads/{uuid}
GET /v2/{dorg}/{dimg}/tags/list
r DELETE /v2/{dorg}/{dimg}/manifests/sha256:{h64}
r GET /v2/_catalog
GET /token
GET /api/v1/crates
c GET /api/v1/crates/{crate}
GET /api/v1/crates/{crate}/{ver}/download
GET /api/v1/crates/{crate}/{ver}/dependencies
GET /api/v1/crates/{crate}/owners
r GET /api/v1/crates/{crate}/reverse_dependencies
r PUT /api/v1/crates/new
r DELETE /api/v1/crates/{crate}/{ver}/yank
r GET /api/v1/users/{login}
r GET /api/v1/categories/{cat}
GET /api/v1/gems/{gem}.json
r GET /api/v1/versions/{gem}.json
r GET /api/v1/versions/{gem}/latest.json
GET /gems/{gem}
r GET /gems/{gem}/versions/{ver}
GET /p2/{vendor}/{cpkg}.json
r GET /packages.json
GET /maven2/{mg}/{ma}/maven-metadata.xml
GET /maven2/{mg}/{ma}/{ver}/{jar}
GET /go/{gohost}/{gou}/{gom}/@v/list
GET /go/{gohost}/{gou}/{gom}/@v/{vver}.info
r GET /go/{gohost}/{gou}/{gom}/@v/{vver}.mod
r GET /go/{gohost}/{gou}/{gom}/@latest
GET /nuget/v3/index.json
r GET /nuget/v3-flatcontainer/{nu}/index.json
r GET /nuget/v3-flatcontainer/{nu}/{ver}/{nupkg}
GET /conda/{channel}/{arch}/repodata.json
""", dict(npm=shared("npm", 120, lambda w: w.c(w.tech(), w.tech() + "-" + w.noun(), w.noun() + "-" + w.c("loader", "plugin", "utils"), w.noun() + ".js", w.c("latest", "search", "user", "token", "list", "package") if w.rng.random() < .1 else w.noun())), ver=lambda w: w.semver(), tgz=lambda w: f"{w.tech()}-{w.semver()}.tgz", scope=shared("sc", 40, lambda w: w.c("types", "babel", "angular", "aws-sdk", w.company(), w.noun())), tagname=shared("tn", 8, lambda w: w.c("latest", "next", "beta", "canary", "alpha", "rc", "nightly", "experimental", "stable")), login=own("lo", 1, W.login),
    pypi=shared("py", 130, lambda w: w.c(w.tech(), "python-" + w.noun(), w.tech() + "_" + w.noun(), w.noun().title(), "json" if w.rng.random() < .05 else w.noun())), hh=lambda w: w.hexs(2), h60=lambda w: w.hexs(60), whl=lambda w: f"{w.tech()}-{w.semver()}-py3-none-any.whl", h64=lambda w: w.hexs(64), uuid=W.uuid,
    dorg=owner_of("dorg", 50, lambda w: w.c("library", "bitnami", w.company(), w.login(), w.noun()), .2), dimg=child("dorg", "dimg", lambda w: w.c(w.tech(), w.noun(), w.tech() + "-" + w.c("operator", "exporter", "proxy"))), dtag=shared("dt", 70, lambda w: w.c("latest", "latest", "stable", "alpine", w.semver(), w.semver() + "-alpine", "3." + w.num(8, 13) + "-slim", "main", "bookworm")),
    crate=shared("cr", 100, lambda w: w.c(w.tech(), w.tech() + "-" + w.noun(), w.noun() + "_" + w.noun(), "new" if w.rng.random() < .03 else w.noun())), cat=listed("cat", "algorithms asynchronous command-line-utilities compression concurrency cryptography database embedded encoding filesystem games network-programming parsing web-programming".split()), gem=shared("gem", 60, lambda w: w.c(w.tech(), w.noun(), w.noun() + "_" + w.noun(), "rails-" + w.noun())),
    vendor=owner_of("ven", 40, lambda w: w.c("symfony", "laravel", "doctrine", w.company(), w.noun())), cpkg=child("ven", "cp", lambda w: w.c(w.noun(), w.noun() + "-bundle", w.tech())), mg=owner_of("mg", 30, lambda w: f"org.{w.noun()}.{w.tech()}"), ma=child("mg", "ma", lambda w: w.tech() + "-" + w.noun()), jar=lambda w: f"{w.tech()}-{w.semver()}.{w.c('jar', 'pom')}", gohost=listed("gh", "github.com gitlab.com golang.org gopkg.in k8s.io go.uber.org cloud.google.com bitbucket.org sigs.k8s.io".split()), gou=owner_of("gou", 50, lambda w: w.c(w.login(), w.company())), gom=child("gou", "gom", repo_name), vver=lambda w: "v" + w.semver(),
    nu=shared("nu", 30, lambda w: w.noun() + "." + w.tech()), nupkg=lambda w: f"{w.noun()}.{w.semver()}.nupkg", channel=listed("ch", "conda-forge bioconda defaults anaconda pytorch nvidia r intel".split()), arch=listed("ar", "linux-64 osx-64 osx-arm64 win-64 noarch linux-aarch64".split())), tokens=(60, 150, 30))

stripe = Mix("stripe-bank", """
GET,POST /v1/customers
c GET /v1/customers/{cus}
POST /v1/customers/{cus}
r GET /v1/customers/{cus}/sources/{card}
GET /v1/customers/{cus}/payment_methods
r DELETE /v1/customers/{cus}/discount
GET /v1/customers/search
c POST /v1/payment_intents
c GET /v1/payment_intents/{pi}
POST /v1/payment_intents/{pi}/confirm
POST /v1/payment_intents/{pi}/capture
r POST /v1/payment_intents/{pi}/cancel
GET /v1/charges/{ch}
r GET /v1/charges/search
r GET /v1/charges/{ch}/refunds
GET /v1/invoices/{inv}
GET /v1/invoices/upcoming
POST /v1/invoices/{inv}/finalize
r POST /v1/invoices/{inv}/void
GET /v1/subscriptions/{sub}
r DELETE /v1/subscriptions/{sub}
GET /v1/coupons/{coupon}
r DELETE /v1/coupons/{coupon}
r GET /v1/promotion_codes/{promo}
GET /v1/plans/{plan}
GET /v1/country_specs/{cc}
GET /v1/exchange_rates/{ccyl}
r GET /v1/events/{evt}
r GET /v1/balance
r GET /v1/balance/history
GET /v1/balance_transactions/{txn}
r POST /v1/tokens
r GET /v1/files/{file}/contents
GET /bank/accounts
c GET /bank/accounts/{iban}
c GET /bank/accounts/{iban}/transactions
GET /bank/accounts/{iban}/transactions/{uuid}
GET /bank/accounts/{iban}/balances/{ccy}
GET /bank/accounts/{iban}/statements/{ym}
r GET /bank/accounts/{iban}/statements/{ym}/pdf
r GET /bank/accounts/{iban}/statements/latest
POST /bank/transfers/sepa
r POST /bank/transfers/swift
r POST /bank/transfers/instant
GET /bank/transfers/{uuid}/status
GET /bank/banks/{bic}
GET /bank/banks/{bic}/branches
GET /bank/cards/{cardtok}/limits
PUT /bank/cards/{cardtok}/freeze
PUT /bank/cards/{cardtok}/unfreeze
GET /bank/fx/{ccy}/{ccy}
GET /bank/fx/{ccy}/{ccy}/{date}
GET /bank/payees/{payee}
r DELETE /bank/payees/{payee}
GET /bank/budgets/{budget}
GET /bank/budgets/{budget}/entries
r PUT /bank/budgets/{budget}/limit
GET /bank/categories
GET /bank/merchants/{merchant}
r GET /bank/merchants/{merchant}/logo
r GET /bank/users/{email}/devices
r POST /bank/users/{email}/reset
""", dict(cus=own("cus", 8, lambda w: "cus_" + w.b62(14)), card=lambda w: "card_" + w.b62(24), pi=lambda w: "pi_" + w.b62(24), ch=own("ch", 6, lambda w: "ch_" + w.b62(24)), inv=own("in", 6, lambda w: "in_" + w.b62(24)), sub=own("sub", 5, lambda w: "sub_" + w.b62(14)), coupon=shared("cp", 40, lambda w: w.c(w.noun().upper() + w.num(5, 50), "WELCOME" + w.num(5, 30), w.noun() + "sale", w.b62(8), "SUMMER2025", w.noun().upper())), promo=lambda w: "promo_" + w.b62(24), plan=shared("pl", 30, lambda w: w.c("gold", "silver", "basic", "pro", "enterprise", "starter", "team", w.noun()) + w.c("", "-monthly", "-yearly", "_" + w.num(1, 9))), cc=listed("cc", "US GB DE FR ES IT NL PL SE JP AU CA BR IN MX SG CH AT".split()), ccyl=listed("cl", [c.lower() for c in CCY]), evt=lambda w: "evt_" + w.b62(24), txn=lambda w: "txn_" + w.b62(24), file=lambda w: "file_" + w.b62(24),
    iban=own("iban", 2, lambda w: "DE" + w.num(10, 99) + w.num(10**17, 10**18 - 1)), uuid=W.uuid, ccy=listed("ccy", CCY), ym=lambda w: f"{w.c(2023, 2024, 2025)}-{w.rng.randint(1, 12):02}", bic=shared("bic", 25, lambda w: "".join(w.rng.choices(string.ascii_uppercase, k=4)) + w.c("DE", "FR", "GB", "US", "CH") + w.c("FF", "MM", "2L", "33", "HH") + w.c("", "XXX")), cardtok=own("ct", 2, lambda w: w.uuid()), date=W.date, payee=own("payee", 4, clash(lambda w: w.c(w.letters(), w.first() + "-" + w.last(), w.company()), ["accounts", "cards", "transfers", "latest"])), budget=own("bud", 4, lambda w: w.c("travel", "food", "rent", "groceries", "car", "kids", "holiday", "gifts", "health", "savings", w.noun(), w.noun() + "-" + w.num(2024, 2026)), .1), merchant=shared("mer", 70, lambda w: w.c(w.company(), w.noun(), w.slug(2, 3))), email=own("em", 2, lambda w: w.c(w.email(), quote(w.email(), safe=""))))) 

slack = Mix("slack-discord", """
c POST /api/chat.postMessage
POST /api/chat.update
r POST /api/chat.delete
c GET /api/conversations.list
c GET /api/conversations.history
GET /api/conversations.members
GET /api/users.list
GET /api/users.info
GET /api/users.profile.get
r POST /api/reactions.add
r POST /api/files.upload
r POST /api/auth.test
POST /services/{tws}/{bws}/{b24}
c GET /api/v10/channels/{snow}
c GET,POST /api/v10/channels/{snow}/messages
GET,PATCH,DELETE /api/v10/channels/{snow}/messages/{snow}
PUT /api/v10/channels/{snow}/messages/{snow}/reactions/{emoji}/@me
GET /api/v10/channels/{snow}/messages/{snow}/reactions/{emoji}
r GET /api/v10/channels/{snow}/pins
r POST /api/v10/channels/{snow}/typing
r GET /api/v10/channels/{snow}/threads/archived/public
c GET /api/v10/guilds/{snow}
GET /api/v10/guilds/{snow}/channels
GET /api/v10/guilds/{snow}/members/{snow}
r GET /api/v10/guilds/{snow}/members/search
r PUT /api/v10/guilds/{snow}/members/{snow}/roles/{snow}
r GET /api/v10/guilds/{snow}/bans/{snow}
GET /api/v10/guilds/{snow}/emojis
GET /api/v10/users/@me
GET /api/v10/users/@me/guilds
GET /api/v10/users/{snow}
GET /api/v10/invites/{invite}
r DELETE /api/v10/invites/{invite}
POST /api/v10/webhooks/{snow}/{whtok}
r GET /api/v10/gateway/bot
r GET /api/v10/oauth2/applications/@me
GET /workspaces/{ws}/channels/{chan}
c GET /workspaces/{ws}/channels/{chan}/messages
GET /workspaces/{ws}/channels/{chan}/members
GET /workspaces/{ws}/channels/{chan}/pins
r POST /workspaces/{ws}/channels/{chan}/archive
POST /workspaces/{ws}/channels/{chan}/join
GET /workspaces/{ws}/dm/{handle}
GET /workspaces/{ws}/members/{handle}
GET /workspaces/{ws}/members/{handle}/presence
r GET /workspaces/{ws}/emoji/{emo}
r GET /workspaces/{ws}/billing
r GET /workspaces/{ws}/apps/{app}/install
GET /matrix/client/v3/rooms/{room}/state
GET /matrix/client/v3/rooms/{room}/messages
PUT /matrix/client/v3/rooms/{room}/send/m.room.message/{tx}
GET /matrix/client/v3/profile/{mxid}
r GET /matrix/client/v3/profile/{mxid}/displayname
r GET /matrix/client/v3/profile/{mxid}/avatar_url
GET /matrix/client/v3/sync
r GET /matrix/client/v3/directory/room/{alias}
GET /matrix/media/v3/download/{srv}/{b24}
r GET /u/{handle}/avatar.png
""", dict(tws=own("T", 1, lambda w: "T" + w.b62(9).upper()), bws=own("B", 2, lambda w: "B" + w.b62(9).upper()), b24=lambda w: w.b62(24), snow=own("snow", 8, lambda w: w.num(10**17, 10**18), .3), emoji=shared("emo", 40, lambda w: w.c(quote(w.c("👍", "🎉", "❤️", "😂", "🚀", "👀", "✅", "🔥")), w.noun() + ":" + w.num(10**17, 10**18))), emo=shared("emn", 40, lambda w: w.c("thumbsup", "tada", "rocket", "eyes", "parrot", w.noun(), w.noun() + "_" + w.noun(), "+1")), invite=lambda w: w.b62(8), whtok=own("wht", 2, lambda w: w.b62(68)), ws=own("ws", 1, lambda w: w.c(w.company(), w.noun()), .1), chan=shared("chan", 60, clash(lambda w: w.c("general", "random", "announcements", "dev", "ops", "sales", "help-" + w.noun(), w.noun(), "team-" + w.noun(), "proj-" + w.slug(1, 2), w.city() if hasattr(w, "city") else w.noun()), ["members", "billing", "messages"])), handle=shared("handle", 150, lambda w: w.c(w.dotted(), w.login(), w.letters())), app=shared("app", 15, lambda w: w.c("jira", "github", "zoom", "giphy", "polly", "asana", "trello", "zapier", "donut", "loom", "figma", "miro", "notion")), room=lambda w: quote("!" + w.b62(18) + ":" + w.c("matrix.org", "example.org", "kde.org"), safe=""), tx=lambda w: "m" + w.num(10**12, 2 * 10**12) + "." + w.num(0, 99), mxid=own("mxid", 2, lambda w: quote("@" + w.login() + ":" + w.c("matrix.org", "example.org"), safe="")), alias=shared("al", 20, lambda w: quote("#" + w.noun() + ":matrix.org", safe="")), srv=listed("srv", "matrix.org example.org kde.org mozilla.org gnome.org debian.social".split())))

spotify = Mix("spotify-social", """
c GET /v1/artists/{b22}
c GET /v1/artists/{b22}/albums
GET /v1/artists/{b22}/top-tracks
r GET /v1/artists/{b22}/related-artists
c GET /v1/albums/{b22}
GET /v1/albums/{b22}/tracks
c GET /v1/tracks/{b22}
GET /v1/tracks
GET /v1/audio-features/{b22}
r GET /v1/audio-analysis/{b22}
GET /v1/playlists/{b22}
c GET,POST /v1/playlists/{b22}/tracks
r PUT /v1/playlists/{b22}/images
GET /v1/users/{user}
GET /v1/users/{user}/playlists
GET /v1/me
c GET /v1/me/player
PUT /v1/me/player/play
PUT /v1/me/player/pause
r POST /v1/me/player/next
GET /v1/me/tracks
GET /v1/me/top/artists
GET /v1/me/top/tracks
r GET /v1/me/following/contains
GET /v1/browse/categories
GET /v1/browse/categories/{genre}
GET /v1/browse/categories/{genre}/playlists
r GET /v1/browse/new-releases
GET /v1/search
GET /v1/markets
r GET /v1/shows/{b22}/episodes
r GET /v1/recommendations/available-genre-seeds
GET /2.0/artist/{artist}
GET /2.0/artist/{artist}/similar
r GET /2.0/artist/{artist}/track/{title}
GET /2.0/tag/{tag}/top
r GET /2.0/chart/{cc}/weekly/{date}
GET /r/{sub}
c GET /r/{sub}/hot
GET /r/{sub}/new
r GET /r/{sub}/about
c GET /r/{sub}/comments/{b36}
GET /r/{sub}/comments/{b36}/{tslug}
r GET /r/{sub}/wiki/{page}
GET /user/{user}/about
GET /user/{user}/submitted
r GET /user/{user}/m/{multi}
GET /p/{short}
r GET /p/{short}/likes
GET /explore/tags/{tag}
r GET /explore/locations/{lid}/{place}
GET /@{user}
GET /@{user}/{medium}
r GET /@{user}/followers
GET /hashtag/{tag}
r GET /i/lists/{snow}
GET /{user}/status/{snow}
r GET /{user}/status/{snow}/retweets
r GET /stories/{user}/{snow}
r GET /oembed
r GET /login
""", dict(b22=lambda w: w.shared("b22", 400, lambda w: w.b62(22)), user=own("u", 1, clash(lambda w: w.c(w.login(), w.letters()), ["search", "explore", "me", "about", "login", "tracks", "markets"]), .4), genre=listed("g", GENRE + "toplists party chill workout focus sleep mood decades romance dinner gaming travel".split()), artist=shared("ar", 90, lambda w: w.c(w.title().replace("_", "+"), quote(w.first() + " " + w.last()), w.uni(), w.noun())), title=lambda w: quote(w.title().replace("_", " ")), tag=shared("tag", 80, lambda w: w.c(w.noun(), w.noun() + w.noun(), "love", "instagood", "photooftheday", "travel", "food", "top", w.uni(), w.rng.choice(GENRE))), cc=listed("cc", "us gb de fr es it nl pl se jp au ca br in mx".split()), date=W.date, sub=listed("sub", SUBREDDIT), b36=lambda w: "1" + "".join(w.rng.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=5)), tslug=lambda w: w.slug(3, 8).replace("-", "_"), page=shared("pg", 12, lambda w: w.c("index", "faq", "rules", "wiki", w.noun(), w.noun() + "_guide")), multi=own("mul", 1, W.noun), short=lambda w: w.b62(11), lid=num(10**6, 10**9), place=lambda w: w.slug(1, 3), medium=lambda w: w.slug(3, 7) + "-" + w.hexs(12), snow=num(10**18, 2 * 10**18)))

pod = lambda w: f"{w.noun()}-{w.c('api', 'worker', 'web', 'db')}-{w.hexs(9)}-{w.lower(5)}"
kubernetes = Mix("kubernetes", """
r GET /api
r GET /apis
r GET /version
r GET /healthz
c GET /api/v1/namespaces
GET /api/v1/namespaces/{ns}
c GET /api/v1/namespaces/{ns}/pods
c GET /api/v1/namespaces/{ns}/pods/{pod}
GET /api/v1/namespaces/{ns}/pods/{pod}/log
r POST /api/v1/namespaces/{ns}/pods/{pod}/exec
DELETE /api/v1/namespaces/{ns}/pods/{pod}
PATCH /api/v1/namespaces/{ns}/pods/{pod}/status
r POST /api/v1/namespaces/{ns}/pods/{pod}/eviction
GET,POST /api/v1/namespaces/{ns}/services
GET /api/v1/namespaces/{ns}/services/{svc}
r GET /api/v1/namespaces/{ns}/services/{svc}:{port}/proxy
c GET,PUT /api/v1/namespaces/{ns}/configmaps/{cm}
GET /api/v1/namespaces/{ns}/configmaps
GET /api/v1/namespaces/{ns}/secrets/{sec}
r GET /api/v1/namespaces/{ns}/secrets
c GET,PUT /api/v1/namespaces/{ns}/endpoints/{svc}
c POST /api/v1/namespaces/{ns}/events
r GET /api/v1/namespaces/{ns}/serviceaccounts/{sa}
r POST /api/v1/namespaces/{ns}/serviceaccounts/{sa}/token
GET /api/v1/namespaces/{ns}/persistentvolumeclaims/{pvc}
c GET /api/v1/nodes
c GET /api/v1/nodes/{node}
PATCH /api/v1/nodes/{node}/status
r GET /api/v1/nodes/{node}/proxy/stats/summary
r GET /api/v1/persistentvolumes/{pv}
GET /apis/apps/v1/deployments
GET /apis/apps/v1/namespaces/{ns}/deployments
c GET /apis/apps/v1/namespaces/{ns}/deployments/{svc}
PATCH /apis/apps/v1/namespaces/{ns}/deployments/{svc}
GET /apis/apps/v1/namespaces/{ns}/deployments/{svc}/scale
GET /apis/apps/v1/namespaces/{ns}/replicasets/{rs}
GET /apis/apps/v1/namespaces/{ns}/statefulsets/{svc}
r GET /apis/apps/v1/namespaces/{ns}/daemonsets/{ds}/status
GET /apis/batch/v1/namespaces/{ns}/jobs/{job}
r POST /apis/batch/v1/namespaces/{ns}/jobs
r GET /apis/batch/v1/namespaces/{ns}/cronjobs/{cron}
c GET,PUT /apis/coordination.k8s.io/v1/namespaces/{ns}/leases/{lease}
GET /apis/networking.k8s.io/v1/namespaces/{ns}/ingresses/{svc}
GET /apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers/{svc}
r GET /apis/rbac.authorization.k8s.io/v1/clusterroles/{role}
r GET /apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings/{role}
GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}
GET /apis/metrics.k8s.io/v1beta1/namespaces/{ns}/pods/{pod}
r GET /apis/metrics.k8s.io/v1beta1/nodes
GET /apis/{crdg}/v1/namespaces/{ns}/{crdk}/{svc}
r GET /apis/storage.k8s.io/v1/storageclasses/{sc}
POST /apis/authorization.k8s.io/v1/subjectaccessreviews
r POST /apis/authentication.k8s.io/v1/tokenreviews
r GET /openapi/v2
""", dict(ns=shared("ns", 40, lambda w: w.c("default", "kube-system", "monitoring", "logging", "ingress-nginx", "cert-manager", "argocd", "production", "staging", "dev", "team-" + w.noun(), w.company(), w.noun(), w.noun() + "-" + w.c("prod", "dev", "stage"))), pod=pod, svc=shared("svc", 70, lambda w: w.c(w.tech(), w.noun(), w.noun() + "-" + w.c("api", "web", "svc", "service"), "kubernetes", "frontend", "backend")), port=listed("po", ["http", "https", "8080", "9090", "metrics", "80"]), cm=shared("cm", 50, lambda w: w.c("kube-root-ca.crt", w.noun() + "-config", w.tech() + "-settings", w.noun())), sec=shared("sec", 50, lambda w: w.c(w.noun() + "-tls", "default-token-" + w.lower(5), w.noun() + "-credentials", w.noun())), sa=shared("sa", 25, lambda w: w.c("default", "builder", "deployer", w.tech(), w.noun() + "-sa")), pvc=lambda w: "data-" + w.tech() + "-" + w.num(0, 5), node=shared("node", 30, lambda w: w.c(f"ip-10-{w.num(0, 9)}-{w.num(0, 99)}-{w.num(1, 254)}.ec2.internal", "worker-" + w.num(1, 20), "gke-" + w.noun() + "-" + w.hexs(8) + "-" + w.lower(4))), pv=lambda w: "pvc-" + w.uuid(), rs=lambda w: w.noun() + "-" + w.hexs(9), ds=shared("ds", 12, lambda w: w.c("kube-proxy", "fluentd", "node-exporter", "calico-node", w.tech(), w.noun() + "-agent")), job=lambda w: w.noun() + "-" + w.num(28000000, 29999999), cron=shared("cron", 20, lambda w: w.c("backup", "cleanup", "report", w.noun() + "-job", w.noun())), lease=shared("le", 25, lambda w: w.c("kube-scheduler", "kube-controller-manager", w.tech() + "-leader", w.noun() + "-lock", w.hexs(8) + ".example.com")), role=shared("role", 25, lambda w: w.c("admin", "edit", "view", "cluster-admin", "system:node", "system:" + w.noun(), w.noun() + "-reader", w.tech())), crd=shared("crd", 25, lambda w: w.noun() + "s." + w.tech() + ".io"), crdg=listed("crdg", "cert-manager.io monitoring.coreos.com argoproj.io networking.istio.io traefik.io velero.io kafka.strimzi.io".split()), crdk=lambda w: w.listed("crdk", "certificates issuers servicemonitors prometheusrules applications workflows rollouts virtualservices gateways ingressroutes backups kafkatopics".split()), sc=listed("scs", "gp2 gp3 standard premium-rwo fast slow local-path longhorn nfs ceph-block".split())), tokens=(40, 20, 100))
for key in ("crdg", "crdk"):   # API groups and kinds of custom resources may well be seen as names
    kubernetes.kinds["enum_" + key] = kubernetes.kinds.pop(key)
kubernetes.routes = kubernetes.routes.replace("{crdg}", "{enum_crdg}").replace("{crdk}", "{enum_crdk}")

elastic = Mix("elasticsearch", """
r GET /
GET /_cluster/health
r GET /_cluster/health/{index}
r GET /_cluster/settings
r GET /_cluster/state/metadata/{index}
GET /_cat/indices
GET /_cat/nodes
r GET /_cat/shards/{index}
r GET /_cat/aliases
GET /_nodes/stats
r GET /_nodes/hot_threads
r GET /_nodes/{node}/stats
c POST /_bulk
POST /_search/scroll
r DELETE /_search/scroll
r POST /_msearch
POST /_reindex
r GET /_tasks/{task}
r POST /_tasks/{task}/_cancel
PUT /_index_template/{tpl}
GET /_index_template/{tpl}
r DELETE /_index_template/{tpl}
GET /_ilm/policy/{pol}
r PUT /_ilm/policy/{pol}
GET,PUT /_ingest/pipeline/{pipe}
r POST /_ingest/pipeline/{pipe}/_simulate
r GET /_snapshot
GET /_snapshot/{snaprepo}
PUT /_snapshot/{snaprepo}/{snap}
r GET /_snapshot/{snaprepo}/{snap}/_status
r POST /_snapshot/{snaprepo}/{snap}/_restore
r GET /_alias/{alias}
GET /_security/user/{login}
r PUT /_security/user/{login}/_password
r GET /_security/role/{role}
r GET /_security/_authenticate
GET /_data_stream/{ds}
HEAD,PUT,DELETE /{index}
c GET,POST /{index}/_search
c POST /{index}/_bulk
POST /{index}/_doc
c GET,PUT,DELETE /{index}/_doc/{doc}
POST /{index}/_update/{doc}
r GET /{index}/_source/{doc}
GET /{index}/_count
GET,PUT /{index}/_mapping
r GET /{index}/_mapping/field/{field}
GET,PUT /{index}/_settings
POST /{index}/_refresh
r POST /{index}/_forcemerge
r POST /{index}/_delete_by_query
r POST /{index}/_close
r GET /{index}/_termvectors/{doc}
r POST /{index}/_rollover
r GET /{index}/_stats
""", dict(index=shared("ix", 50, lambda w: w.c(w.noun() + "s", "logs-" + w.noun(), f"logs-{w.tech()}-2025.{w.num(10, 12)}.{w.num(10, 28)}", "filebeat-8." + w.num(0, 14) + ".0", "products", "orders", "users", "customers", ".kibana_1", w.company() + "-" + w.noun(), "metrics-*", w.noun() + "_v" + w.num(1, 4))), node=lambda w: w.b62(22), task=lambda w: w.b62(22) + ":" + w.num(1000, 999999), tpl=shared("tpl", 25, lambda w: w.c("logs", "metrics", "traces", w.noun(), w.noun() + "-template", w.tech())), pol=shared("pol", 20, lambda w: w.c("logs", "hot-warm", w.num(7, 90) + "-days", w.noun() + "-policy", w.noun())), pipe=shared("pipe", 25, lambda w: w.c("geoip", "parse", w.tech(), w.noun() + "-pipeline", w.noun())), snaprepo=shared("sr", 12, lambda w: w.c("backups", "s3", "my_backup", "nightly", w.noun() + "_repo", "found-snapshots", w.noun())), snap=lambda w: w.c("snapshot_" + w.num(1, 99), "daily-" + w.date(), w.noun() + "-" + w.num(1, 50)), alias=shared("al", 15, lambda w: w.c(w.noun(), w.noun() + "-current")), login=shared("lg", 60, W.login), role=shared("rl", 15, lambda w: w.c("superuser", "kibana_admin", "viewer", "editor", w.noun() + "_reader", w.noun())), ds=shared("ds", 20, lambda w: f"logs-{w.tech()}-default"), doc=lambda w: w.c(w.num(1, 10**6), w.b62(20), w.uuid(), w.hexs(32)), field=shared("fi", 15, lambda w: w.c("message", "host.name", "user.id", "timestamp", "price", "title", w.noun()))))

shopify = Mix("shopify", """
c GET /admin/api/{apiver}/products.json
c GET,PUT /admin/api/{apiver}/products/{id}.json
GET /admin/api/{apiver}/products/{id}/variants.json
r GET /admin/api/{apiver}/products/count.json
r DELETE /admin/api/{apiver}/products/{id}/images/{id}.json
c GET /admin/api/{apiver}/orders.json
c GET /admin/api/{apiver}/orders/{id}.json
GET /admin/api/{apiver}/orders/{id}/transactions.json
r POST /admin/api/{apiver}/orders/{id}/cancel.json
r GET /admin/api/{apiver}/orders/count.json
GET /admin/api/{apiver}/customers/{id}.json
r GET /admin/api/{apiver}/customers/search.json
GET /admin/api/{apiver}/shop.json
r GET /admin/api/{apiver}/themes/{id}/assets.json
c POST /admin/api/{apiver}/graphql.json
GET /
c GET /collections/{coll}
GET /collections/{coll}/products.json
c GET /collections/{coll}/products/{prod}
GET /collections/all
c GET /products/{prod}
GET /products/{prod}.json
r GET /products/{prod}/reviews
GET /pages/{page}
GET /blogs/{blog}
GET /blogs/{blog}/{article}
r GET /blogs/{blog}/tagged/{tag}
GET /cart
c POST /cart/add.js
POST /cart/change.js
r GET /cart/{perma}
GET /search
r GET /search/suggest.json
GET /account
GET /account/login
r GET /account/orders/{hex32}
r GET /account/addresses
GET /discount/{code}
GET /checkouts/{hex32}
POST /checkouts/{hex32}/payments
r GET /checkouts/{hex32}/thank_you
GET /policies/privacy-policy
r GET /policies/refund-policy
c GET /{loc}/products/{prod}
GET /{loc}/collections/{coll}
GET /{loc}/collections/{coll}/products/{prod}
r GET /{loc}/pages/{page}
r GET /{loc}/cart
r GET /{loc}/search
GET /vendors/{vendor}
r GET /vendors/{vendor}/products
GET /sitemap.xml
r GET /sitemap_products_{n}.xml
r GET /robots.txt
c GET /cdn/shop/products/{img}
GET /cdn/shop/files/{img}
r GET /cdn/shop/t/{n}/assets/{asset}
GET /gift_cards/{gid}/{hex32}
r GET /apps/{app}/widget
""", dict(apiver=listed("av", "2023-10 2024-01 2024-04 2024-07 2024-10 2025-01 unstable".split(), 5), id=num(10**12, 9 * 10**12), coll=shared("co", 40, lambda w: w.c("frontpage", "sale", "new-arrivals", "best-sellers", "men", "women", "kids", "shoes", "hats", w.noun() + "s", w.rng.choice(ADJ) + "-" + w.noun() + "s", "gift-cards")), prod=shared("pr", 200, lambda w: w.c(w.slug(2, 5), w.rng.choice(ADJ) + "-" + w.noun() + "-" + w.c("shirt", "mug", "hat", "bag"), w.noun(), w.noun() + "-" + w.num(1, 500))), page=shared("pa", 20, lambda w: w.c("about-us", "contact", "faq", "shipping", "returns", "size-guide", "our-story", "careers", "wholesale", "press", w.slug(2, 3))), blog=shared("bl", 8, lambda w: w.c("news", "journal", "recipes", "stories", "guides", "lookbook", "updates", w.noun(), w.noun() + "-blog")), article=lambda w: w.shared("art", 120, lambda w: w.slug(3, 7)), tag=shared("tg", 25, W.noun), perma=lambda w: w.num(10**12, 9 * 10**12) + ":" + w.num(1, 4), hex32=lambda w: w.hexs(32), code=shared("cd", 30, lambda w: w.c(w.noun().upper() + w.num(5, 50), "WELCOME10", "BLACKFRIDAY", "FREESHIP", w.noun().upper(), w.lower(6))), loc=listed("loc", LOCALE + LOCALE2, 14), vendor=shared("vd", 30, lambda w: w.c(w.company(), w.last(), w.noun())), n=num(1, 60), img=lambda w: w.shared("im", 100, lambda w: w.slug(1, 4) + w.c("", "_" + w.num(100, 2000) + "x") + "." + w.c("jpg", "png", "webp")), asset=shared("as", 20, lambda w: w.noun() + w.c(".js", ".css", ".min.js", ".svg")), gid=num(1000, 99999), app=shared("app", 10, lambda w: w.c("judgeme", "loox", "yotpo", "klaviyo", "smile", "bold", "recharge", w.noun()))), tokens=(120, 200, 60), auth="cookie")

KEYS = "OPS WEB APP API DEV INFRA SEC MOB DATA PLAT CORE HR FIN MKT SUP QA UX BI IT CRM ERP LAB RND DOC NET".split()
jira = Mix("jira-confluence", """
c GET,PUT /rest/api/3/issue/{key}
c GET /rest/api/3/issue/{key}/comment
POST /rest/api/3/issue/{key}/comment
r DELETE /rest/api/3/issue/{key}/comment/{n}
GET,POST /rest/api/3/issue/{key}/transitions
GET /rest/api/3/issue/{key}/worklog
r GET /rest/api/3/issue/{key}/watchers
r PUT /rest/api/3/issue/{key}/assignee
r GET /rest/api/3/issue/createmeta
POST /rest/api/3/issue
c GET /rest/api/3/search
GET /rest/api/3/project
GET /rest/api/3/project/{pk}
GET /rest/api/3/project/{pk}/versions
GET /rest/api/3/project/{pk}/components
r GET /rest/api/3/project/{pk}/role/{n}
r GET /rest/api/3/project/search
GET /rest/api/3/user
r GET /rest/api/3/user/search
c GET /rest/api/3/myself
r GET /rest/api/3/status
r GET /rest/api/3/status/{status}
GET /rest/api/3/filter/{n}
r GET /rest/api/3/filter/favourite
r GET /rest/api/3/attachment/content/{n}
GET /rest/agile/1.0/board
c GET /rest/agile/1.0/board/{n}/sprint
GET /rest/agile/1.0/board/{n}/backlog
GET /rest/agile/1.0/sprint/{n}/issue
c GET /browse/{key}
r GET /projects/{pk}/issues
GET /projects/{pk}/boards/{n}
GET /wiki/rest/api/content/{cid}
r GET /wiki/rest/api/content/{cid}/child/page
r GET /wiki/rest/api/content/{cid}/label
r GET /wiki/rest/api/search
GET /wiki/spaces/{sk}
GET /wiki/spaces/{sk}/overview
c GET /wiki/spaces/{sk}/pages/{cid}/{ptitle}
r GET /wiki/spaces/{sk}/pages/{cid}
r GET /wiki/display/{sk}/{ptitle}
GET /wiki/people/{aid}
r GET /wiki/label/{sk}/{label}
r GET /wiki/download/attachments/{cid}/{file}
GET /bitbucket/2.0/repositories/{bws}/{brepo}
GET /bitbucket/2.0/repositories/{bws}/{brepo}/pullrequests
GET /bitbucket/2.0/repositories/{bws}/{brepo}/pullrequests/{n}
r POST /bitbucket/2.0/repositories/{bws}/{brepo}/pullrequests/{n}/approve
GET /bitbucket/2.0/repositories/{bws}/{brepo}/commit/{sha}
r GET /bitbucket/2.0/repositories/{bws}/{brepo}/src/{sha}/{file}
GET /bitbucket/2.0/repositories/{bws}/{brepo}/refs/branches/{branch}
r GET /bitbucket/2.0/workspaces/{bws}/members
GET /trello/1/boards/{hex24}/lists
GET /trello/1/cards/{short}
r GET /trello/1/members/{login}/boards
r GET /statuspage/api/v2/summary.json
r GET /statuspage/api/v2/incidents/unresolved.json
GET /secure/attachment/{n}/{file}
r GET /s/{hex24}/_/download/batch/{plugin}/{plugin}.css
""", dict(key=lambda w: w.c(*w.pool("pk", 14, lambda w: w.c(*KEYS))[:10]) + "-" + w.num(1, 4000), pk=shared("pk", 14, lambda w: w.c(*KEYS)), n=num(1, 90000), status=shared("st", 10, lambda w: w.c("Open", "Done", "In%20Progress", "Closed", "Reopened", "To%20Do", "Resolved", "Blocked", "Review")), cid=num(10**6, 10**9), sk=shared("sk", 25, lambda w: w.c("~" + w.login(), "ENG", "HR", "OPS", "DEV", "KB", "PROD", "MKT", w.noun().upper(), "~" + w.hexs(24))), ptitle=lambda w: w.shared("pt", 90, lambda w: w.c(w.title().replace("_", "+"), "Home", "Meeting+notes", "Onboarding", "How-to+" + w.noun(), w.date() + "+Meeting+notes", w.uni())), aid=own("aid", 2, lambda w: w.c(w.hexs(24), w.num(500000, 800000) + ":" + w.uuid()), .5), label=shared("la", 20, lambda w: w.c("how-to", "meeting-notes", "kb", w.noun())), file=lambda w: w.fname(), bws=owner_of("bws", 30, W.company), brepo=child("bws", "br", repo_name), sha=lambda w: w.hexs(12), branch=shared("brn", 40, branch), hex24=own("h24", 3, lambda w: w.hexs(24)), short=lambda w: w.b62(8), login=own("lg", 1, W.login), plugin=lambda w: w.c("com.atlassian." + w.noun(), "jira." + w.noun() + ":" + w.noun())))

PROJ = [f"{l}.{p}" for l in "en de fr es it ja ru pl sv nl pt".split() for p in ("wikipedia", "wiktionary", "wikiquote")] + ["commons.wikimedia", "www.wikidata"]
wiki = Mix("wikipedia", """
c GET /api/rest_v1/page/summary/{title}
c GET /api/rest_v1/page/html/{title}
GET /api/rest_v1/page/html/{title}/{rev}
GET /api/rest_v1/page/mobile-sections/{title}
GET /api/rest_v1/page/media-list/{title}
r GET /api/rest_v1/page/related/{title}
r GET /api/rest_v1/page/pdf/{title}
r GET /api/rest_v1/page/random/summary
r GET /api/rest_v1/page/title/{title}
r POST /api/rest_v1/transform/html/to/wikitext/{title}
GET /api/rest_v1/feed/featured/{y}/{m}/{d}
GET /api/rest_v1/feed/onthisday/all/{m}/{d}
r GET /api/rest_v1/feed/onthisday/births/{m}/{d}
r GET /api/rest_v1/media/math/render/svg/{h40}
c GET /api/rest_v1/metrics/pageviews/per-article/{proj}/{enum_access}/{enum_agent}/{title}/{enum_gran}/{ymd}/{ymd}
GET /api/rest_v1/metrics/pageviews/top/{proj}/{enum_access}/{y}/{m}/{d}
r GET /api/rest_v1/metrics/unique-devices/{proj}/{enum_site}/{enum_gran}/{ymd}/{ymd}
r GET /api/rest_v1/metrics/edits/aggregate/{proj}/{enum_ed}/{enum_pt}/{enum_gran}/{ymd}/{ymd}
c GET /w/api.php
GET /w/index.php
r GET /w/load.php
c GET /wiki/{title}
GET /wiki/Special:Search
r GET /wiki/Special:RecentChanges
r GET /wiki/Special:Contributions/{wuser}
GET /wiki/User:{wuser}
r GET /wiki/User_talk:{wuser}
GET /wiki/Category:{title}
r GET /wiki/Talk:{title}
GET /wiki/File:{file}
GET /w/rest.php/v1/page/{title}
GET /w/rest.php/v1/page/{title}/bare
r GET /w/rest.php/v1/page/{title}/history
r GET /w/rest.php/v1/page/{title}/history/counts/{enum_ct}
r GET /w/rest.php/v1/page/{title}/links/language
GET /w/rest.php/v1/search/page
r GET /w/rest.php/v1/search/title
r GET /w/rest.php/v1/revision/{rev}
r GET /w/rest.php/v1/revision/{rev}/compare/{rev}
GET /core/v1/wikipedia/{lang}/page/{title}
r GET /core/v1/wikipedia/{lang}/page/{title}/history
GET /core/v1/wikipedia/{lang}/search/page
GET /entity/{q}
GET /wiki/Special:EntityData/{q}.json
GET /wikibase/v1/entities/items/{q}
GET /wikibase/v1/entities/items/{q}/labels
r GET /wikibase/v1/entities/items/{q}/labels/{lang}
r GET /wikibase/v1/entities/items/{q}/statements
r GET /wikibase/v1/statements/{stmt}
r GET /wikibase/v1/entities/properties/{p}
c GET /wikipedia/commons/{h1}/{h2}/{file}
GET /wikipedia/commons/thumb/{h1}/{h2}/{file}/{thumb}
r GET /wikipedia/{lang}/{h1}/{h2}/{file}
GET /static/images/icons/{icon}
r GET /static/favicon/{icon}
r GET /sparql
""", dict(title=lambda w: w.shared("ti", 500, lambda w: w.c(w.title(), w.title(), w.uni(), quote(w.first().title() + "_" + w.last().title()), w.rng.choice(CITY).title(), w.noun().title(), "Main_Page", w.noun().title() + "_(" + w.c("film", "band", "album") + ")"), 0.9), rev=num(10**8, 2 * 10**9), y=num(2016, 2026), m=lambda w: f"{w.rng.randint(1, 12):02}", d=lambda w: f"{w.rng.randint(1, 28):02}", h40=lambda w: w.hexs(40), proj=listed("proj", PROJ), enum_access=listed("acc", ["all-access", "desktop", "mobile-web", "mobile-app"], None, .6), enum_agent=listed("agt", ["all-agents", "user", "spider"]), enum_gran=listed("gr", ["daily", "monthly"]), enum_site=listed("site", ["all-sites", "desktop-site", "mobile-site"]), enum_ed=listed("ed", ["all-editor-types", "anonymous", "user", "group-bot"]), enum_pt=listed("pt", ["all-page-types", "content", "non-content"]), enum_ct=listed("ct", ["edits", "editors", "bot", "anonymous", "minor"]), ymd=lambda w: w.date().replace("-", "") + w.c("", "00"), wuser=shared("wu", 80, lambda w: w.c(w.login().title(), w.first().title() + "_" + w.last().title(), w.uni(), f"192.0.2.{w.num(1, 250)}")), file=lambda w: w.shared("fl", 200, lambda w: w.title() + "." + w.c("jpg", "svg", "png", "ogg")), lang=listed("lang", LOCALE), q=lambda w: "Q" + w.num(1, 10**8), p=lambda w: "P" + w.num(1, 9999), stmt=lambda w: "Q" + w.num(1, 10**6) + "$" + w.uuid(), h1=lambda w: w.hexs(1), h2=lambda w: w.hexs(2), thumb=lambda w: w.num(100, 1200) + "px-" + w.title() + ".jpg", icon=shared("ic", 20, lambda w: w.c(w.noun(), "wikipedia", "commons") + "." + w.c("svg", "png", "ico"))), tokens=(200, 120), auth="none")

travel = Mix("weather-air-maps", """
c GET /v1/weather/{city}/current
GET /v1/weather/{city}/forecast
GET /v1/weather/{city}/forecast/{date}
r GET /v1/weather/{city}/history/{date}
r GET /v1/weather/alerts/{cc}
GET /points/{latlon}
r GET /points/{latlon}/stations
c GET /stations/{icao}/observations/latest
GET /stations/{icao}/observations/{ts}
r GET /stations/{icao}
GET /gridpoints/{wfo}/{xy}/forecast
r GET /gridpoints/{wfo}/{xy}/forecast/hourly
GET /metar/{icao}
r GET /taf/{icao}
GET /airports
c GET /airports/{iata}
c GET /airports/{iata}/departures
GET /airports/{iata}/arrivals
GET /airports/{iata}/departures/{date}
r GET /airports/{iata}/terminals/{term}/gates
r GET /airports/{iata}/delays
GET /airlines/{al}
GET /airlines/{al}/fleet
r GET /airlines/{al}/routes/{iata}
c GET /flights/{flight}
c GET /flights/{flight}/{date}
GET /flights/{flight}/{date}/seatmap
GET /flights/{flight}/status
r GET /flights/search
GET /routes/{iata}/{iata}
r GET /routes/{iata}/{iata}/prices
c GET /bookings/{pnr}
GET /bookings/{pnr}/{surname}
POST /bookings/{pnr}/checkin
r DELETE /bookings/{pnr}
GET /bookings/{pnr}/passengers/{n}/boarding-pass
r POST /bookings/{pnr}/seats/{seat}
GET /loyalty/members/{ffn}
r GET /loyalty/members/{ffn}/miles
GET /loyalty/tiers
c GET /tiles/{z}/{x}/{y}.png
GET /tiles/{style}/{z}/{x}/{y}.pbf
r GET /styles/{style}/style.json
r GET /fonts/{font}/{range}.pbf
GET /directions/v5/{profile}/{coords}
GET /geocoding/v5/{place}.json
r GET /isochrone/v1/{profile}/{latlon}
GET /places/{placeid}/details
r GET /places/{placeid}/photos/{n}
GET /hotels/{cc}/{city}
c GET /hotels/{cc}/{city}/{hotel}
GET /hotels/{cc}/{city}/{hotel}/rooms
r POST /hotels/{cc}/{city}/{hotel}/reservations
r GET /trains/{station}/board
GET /trains/{station}/to/{station}
GET /timezones/{area}/{tzcity}
r GET /currencies/{ccy}
r GET /usage
""", dict(city=listed("city", CITY + ["new-york", "los-angeles", "san-francisco", "rio-de-janeiro", "cape-town", "hong-kong", "z%C3%BCrich", "m%C3%BCnchen", "s%C3%A3o-paulo"]), date=W.date, cc=listed("cc", "us gb de fr es it nl pl se jp au ca br in mx ch at".split()), latlon=lambda w: f"{w.rng.uniform(-60, 70):.4f},{w.rng.uniform(-180, 180):.4f}", icao=listed("icao", ICAO), ts=lambda w: f"{w.date()}T{w.rng.randint(0, 23):02}:{w.rng.randint(0, 59):02}:00Z", wfo=listed("wfo", "OKX LOT SEW MTR BOX PHI LWX FFC MFL HGX FWD BOU PSR LOX".split()), xy=lambda w: w.num(1, 120) + "," + w.num(1, 120), iata=listed("iata", IATA), term=listed("tm", "1 2 3 4 A B C D T1 T2 main north south".split()), al=listed("al", AIRLINE), flight=shared("fl", 160, lambda w: w.rng.choice(AIRLINE) + w.num(1, 2999)), pnr=own("pnr", 4, lambda w: "".join(w.rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=6))), surname=own("sn", 2, lambda w: w.c(w.last(), w.last().upper(), w.last().title(), w.uni())), n=num(1, 6), seat=lambda w: w.num(1, 45) + w.c(*"ABCDEF"), ffn=own("ffn", 1, lambda w: w.rng.choice(AIRLINE) + w.num(10**7, 10**8)), z=num(3, 19), x=num(0, 9999), y=num(0, 9999), style=shared("sty", 8, lambda w: w.c("streets", "outdoors", "light", "dark", "satellite", "satellite-streets", "terrain", "night", w.noun())), font=shared("fo", 10, lambda w: quote(w.c("Open Sans", "Noto Sans", "Roboto", "Arial Unicode MS") + " " + w.c("Regular", "Bold", "Italic"))), range=lambda w: (lambda k: f"{k * 256}-{k * 256 + 255}")(w.rng.randint(0, 60)), profile=listed("prof", "driving walking cycling driving-traffic transit truck bike foot".split()), coords=lambda w: ";".join(f"{w.rng.uniform(-180, 180):.4f},{w.rng.uniform(-60, 70):.4f}" for _ in range(2)), place=lambda w: quote(w.c(w.rng.choice(CITY), w.rng.choice(CITY).title() + " Station", w.num(1, 200) + " " + w.noun().title() + " Street", w.c(*UNI))), placeid=lambda w: "ChIJ" + w.b62(23), hotel=lambda w: w.shared("hot", 120, lambda w: w.c("hotel-" + w.noun(), w.noun() + "-inn", w.slug(2, 4), "grand-" + w.noun(), w.noun())), station=listed("sta", [c + s for c in CITY[:30] for s in ("", "-central", "-hbf")], 40), area=listed("area", "Europe America Asia Africa Australia Pacific Atlantic".split()), tzcity=listed("tz", [c.title() for c in CITY] + ["New_York", "Los_Angeles", "Sao_Paulo"], 45), ccy=listed("ccy", CCY)), tokens=(90, 200, 40), auth="key")

exchange = Mix("exchange", """
r GET /api/v3/ping
c GET /api/v3/ticker/price
GET /api/v3/ticker/24hr
c GET /api/v3/depth
POST /api/v3/order
r DELETE /api/v3/order
r GET /api/v3/openOrders
GET /products
c GET /products/{prod}
c GET /products/{prod}/ticker
c GET /products/{prod}/candles
GET /products/{prod}/book
GET /products/{prod}/trades
r GET /products/{prod}/stats
GET /currencies/{coin}
r GET /currencies
c GET,POST /orders
GET,DELETE /orders/{uuid}
r GET /orders/client:{uuid}
GET /accounts/{uuid}/ledger
r GET /accounts/{uuid}/holds
c GET /stocks/{stock}
c GET /stocks/{stock}/quote
GET /stocks/{stock}/news
GET /stocks/{stock}/dividends/{range}
GET /stocks/{stock}/chart/{range}
r GET /stocks/{stock}/options/{date}
r GET /stocks/{stock}/options/{date}/calls
r GET /stocks/{stock}/financials
GET /stocks/market/batch
r GET /stocks/market/collection/sector
r GET /stocks/market/list/gainers
c GET /markets/{exch}/{pair}/price
c GET /markets/{exch}/{pair}/ohlc
GET /markets/{exch}/{pair}/orderbook
GET /markets/{exch}/{pair}/trades
r GET /markets/{exch}
r GET /markets/prices
GET /coins/{cname}
GET /coins/{cname}/market_chart
r GET /coins/{cname}/tickers
r GET /coins/markets
GET /coins/list
r GET /coins/categories
GET /futures/{fut}
r GET /futures/{fut}/funding
GET /fx/latest/{ccy}
GET /fx/{date}
GET /fx/{date}/{ccy}
r GET /indices/{idx}
GET /indices/{idx}/constituents
GET /etf/{isin}/holdings
r GET /etf/{isin}
GET /watchlists/{wl}
PUT,DELETE /watchlists/{wl}/{stock}
GET /alerts
r GET /alerts/{n}
GET /wallets/{coin}/address
GET /wallets/{coin}/deposits
r POST /wallets/{coin}/withdrawals
GET /eth/v1/accounts/{eth}/balance
r GET /eth/v1/tx/{txh}
GET /btc/v1/address/{btcaddr}
r GET /btc/v1/block/{height}
r GET /news/{stock}
GET /leaderboard/{login}
""", dict(prod=listed("prod", [f"{c.upper()}-{q}" for c in COIN[:25] for q in ("USD", "EUR", "BTC")], 50), coin=listed("coin", COIN), uuid=W.uuid, stock=listed("stk", STOCK), range=listed("rg", "1d 5d 1m 3m 6m 1y 2y 5y ytd max".split()), date=W.date, exch=listed("ex", "kraken binance coinbase bitfinex bitstamp gemini huobi okex kucoin bittrex poloniex".split()), pair=listed("pair", [c + q for c in COIN[:25] for q in ("usd", "eur", "btc", "usdt")], 60), cname=listed("cn", "bitcoin ethereum ripple litecoin cardano polkadot chainlink solana dogecoin stellar monero tron cosmos tezos aave maker dash zcash neo iota vechain avalanche algorand filecoin usd-coin tether wrapped-bitcoin shiba-inu".split()), fut=shared("fut", 30, lambda w: w.c("BTC", "ETH", "SOL", "XRP") + w.c("-PERP", "-" + w.num(10, 31) + w.c("DEC", "MAR", "JUN") + w.c("25", "26"), "USDT_" + w.num(250101, 261231))), ccy=listed("ccy", CCY), idx=listed("idx", "SPX NDX DJI RUT VIX FTSE DAX CAC40 N225 HSI STOXX50E IBEX SMI".split()), isin=shared("isin", 40, lambda w: w.c("US", "IE", "LU", "DE") + "".join(w.rng.choices("0123456789ABCDEFGH", k=9)) + w.num(0, 9)), wl=own("wl", 2, lambda w: w.c("tech", "growth", "crypto", "dividends", "default", "mine", w.noun(), w.noun() + "s", w.slug(2, 3)), .0), n=num(1, 5000), eth=lambda w: "0x" + w.hexs(40), txh=lambda w: "0x" + w.hexs(64), btcaddr=lambda w: w.c("bc1q" + w.lower(10) + w.hexs(28), "1" + w.b62(33)), height=num(600000, 900000), login=own("lg", 1, W.letters, .5)))

tenant = Mix("multi-tenant", """
r GET /login
r GET /healthz
r GET /pricing
c GET /{t}/dashboard
c GET,POST /{t}/projects
c GET /{t}/projects/{proj}
GET /{t}/projects/{proj}/settings
c GET,POST /{t}/projects/{proj}/tasks
c GET,PATCH /{t}/projects/{proj}/tasks/{n}
GET /{t}/projects/{proj}/tasks/{n}/comments
r GET /{t}/projects/{proj}/tasks/{n}/attachments/{file}
GET /{t}/projects/{proj}/boards/{board}
GET /{t}/projects/{proj}/members/{user}
r DELETE /{t}/projects/{proj}/members/{user}
r GET /{t}/projects/{proj}/milestones/{mile}
GET /{t}/projects/{proj}/wiki/{page}
r GET /{t}/projects/{proj}/wiki/{page}/revisions/{n}
r GET /{t}/projects/new
GET /{t}/users
c GET /{t}/users/{user}
GET /{t}/users/{user}/activity
GET /{t}/users/{user}/avatar
r PUT /{t}/users/{user}/role
r GET /{t}/users/me
GET /{t}/teams/{team}
GET /{t}/teams/{team}/members
r POST /{t}/teams/{team}/invite
GET /{t}/files/{folder}/{file}
r GET /{t}/files/{folder}
GET /{t}/settings
GET /{t}/settings/billing
r GET /{t}/settings/sso
r GET /{t}/settings/members
GET /{t}/reports/{rep}
GET /{t}/reports/{rep}/{period}
r GET /{t}/reports/{rep}/export.csv
GET /{t}/tags/{tag}
r DELETE /{t}/tags/{tag}
GET /{t}/search
GET /{t}/notifications
r POST /{t}/notifications/read
GET /{t}/calendar/{ym}
r GET /{t}/calendar/{ym}/{dd}
GET /{t}/customers/{cust}
GET /{t}/customers/{cust}/contacts/{email}
r GET /{t}/customers/{cust}/invoices/{inv}
r GET /{t}/integrations/{integ}
PUT /{t}/integrations/{integ}/enable
r GET /{t}/audit
POST /api/webhooks/{integ}/{hook}
GET /api/tenants/{t}
r GET /api/tenants/{t}/usage
GET /api/v2/me
r GET /api/v2/plans
r GET /static/app.{h8}.js
r GET /invite/{hook}
""", dict(t=own("t", 1, lambda w: w.c(w.company(), w.noun(), w.pron(4, 8), w.last()), .03), proj=own("proj", 3, clash(lambda w: w.c(w.slug(2, 3), w.noun(), "website", "mobile", "migration", "marketing", "q" + w.num(1, 4) + "-" + w.noun()), ["reports", "teams", "settings", "users"])), n=num(1, 900), file=lambda w: w.fname(), board=own("bo", 2, lambda w: w.c("sprint-" + w.num(1, 40), "backlog", "kanban", "todo", w.noun())), user=own("us", 4, lambda w: w.c(w.login(), w.letters(), w.dotted())), mile=lambda w: w.c("v" + w.semver(), "alpha", "beta", "launch", w.noun()), page=own("pa", 4, lambda w: w.c(w.slug(2, 4), "home", "onboarding", "runbook", w.noun())), team=own("te", 3, lambda w: w.c("design", "backend", "sales", "marketing", "support", "people", "legal", w.noun(), w.noun() + "-squad")), folder=own("fo", 3, lambda w: w.c("contracts", "invoices", "photos", "shared", "archive", "hr", w.noun(), w.slug(2, 2))), rep=shared("rp", 14, lambda w: w.c("revenue", "churn", "velocity", "burndown", "utilization", "headcount", "pipeline", "forecast", "retention", w.noun(), w.noun() + "-report")), period=lambda w: w.c(w.date()[:7], w.date(), "2025-Q" + w.num(1, 4), "2025-W" + w.num(10, 52)), tag=own("tg", 3, lambda w: w.c("urgent", "bug", "idea", "blocked", w.noun(), w.rng.choice(ADJ))), ym=lambda w: w.date()[:7], dd=lambda w: f"{w.rng.randint(1, 28):02}", cust=own("cu", 5, lambda w: w.c(w.company(), w.last() + "-" + w.noun())), email=own("em", 5, lambda w: w.c(w.email(), quote(w.email(), safe=""))), inv=lambda w: "INV-2025-" + w.num(1000, 9999), integ=listed("it", "slack github gitlab zapier salesforce hubspot stripe zendesk intercom jira asana dropbox".split()), hook=lambda w: w.b62(24), h8=lambda w: w.hexs(8)), tokens=(60, 25, 150))

cms = Mix("cms-i18n", """
c GET /
c GET /{loc}
GET /{loc}/about
GET /{loc}/contact
c GET /{loc}/blog
GET /{loc}/blog/{yy}/{mm}
c GET /{loc}/blog/{yy}/{mm}/{slug}
GET /{loc}/blog/category/{cat}
r GET /{loc}/blog/author/{author}
r GET /{loc}/blog/feed.xml
c GET /{loc}/products
c GET /{loc}/products/{pcat}
c GET /{loc}/products/{pcat}/{slug}
r GET /{loc}/products/{pcat}/{slug}/reviews
GET /{loc}/docs/{docver}/{doc}
r GET /{loc}/docs/{docver}
GET /{loc}/help/{hslug}
r GET /{loc}/help/search
GET /{loc}/events/{evslug}
r POST /{loc}/events/{evslug}/register
r GET /{loc}/jobs/{job}
r GET /{loc}/jobs/{job}/apply
GET /{loc}/login
r POST /{loc}/newsletter/subscribe
GET /wp-json/wp/v2/posts
c GET /wp-json/wp/v2/posts/{n}
GET /wp-json/wp/v2/pages
r GET /wp-json/wp/v2/media/{n}
r GET /wp-json/wp/v2/users/{n}
r GET /wp-json/oembed/1.0/embed
c GET /wp-content/uploads/{yy}/{mm}/{img}
GET /wp-content/themes/{theme}/style.css
r GET /wp-content/plugins/{plug}/readme.txt
GET /api/content/{ctype}
c GET /api/content/{ctype}/{slug}
GET /api/content/{ctype}/{slug}/{loc}
r PUT /api/content/{ctype}/{slug}/publish
GET /api/translations/{loc}
GET /api/translations/{loc}/{tns}
r GET /api/translations/{loc}/{tns}.json
GET /api/navigation/{menu}
r GET /api/redirects
GET /api/comments/{slug}
POST /api/comments/{slug}
r DELETE /api/comments/{slug}/{uuid}
GET /author/{author}
r GET /author/{author}/feed
c GET /tag/{tag}
r GET /tag/{tag}/page/{pg}
GET /category/{cat}
GET /category/{cat}/page/{pg}
GET /archive/{yy}
r GET /archive/{yy}/{mm}
GET /feeds/{tag}.rss
r GET /feeds/{tag}.atom
GET /newsletters/{nl}/{date}
r GET /newsletters/{nl}/unsubscribe/{b24}
r GET /amp/{slug}
GET /sitemap.xml
r GET /robots.txt
""", dict(loc=listed("loc", LOCALE, 9), yy=num(2018, 2026), mm=lambda w: f"{w.rng.randint(1, 12):02}", slug=lambda w: w.shared("sl", 250, lambda w: w.c(w.slug(3, 7), w.slug(2, 4), w.c("how-to-", "why-we-", "top-10-") + w.slug(1, 3))), cat=shared("cat", 25, lambda w: w.c("news", "engineering", "design", "culture", "releases", "security", "product", "company", w.noun(), w.rng.choice(GENRE))), author=shared("au", 40, lambda w: w.c(w.first(), w.first() + "-" + w.last(), w.login())), pcat=shared("pc", 18, lambda w: w.c("shoes", "shirts", "hats", "bags", "lamps", "chairs", "tables", "toys", "books", w.noun() + "s")), docver=listed("dv", "latest stable 1.0 1.1 2.0 2.1 3.0 v4 next".split()), doc=shared("doc", 50, lambda w: w.c("installation", "getting-started", "configuration", "upgrade", "faq", "tutorial", w.slug(1, 3), w.noun())), hslug=lambda w: w.shared("hs", 80, lambda w: w.num(100000, 999999) + "-" + w.slug(2, 5)), evslug=shared("ev", 25, lambda w: w.noun() + "-" + w.c("conf", "summit", "meetup", "day") + "-" + w.num(2024, 2026)), job=shared("job", 25, lambda w: w.c("senior-", "junior-", "") + w.c("engineer", "designer", "manager") + "-" + w.rng.choice(CITY)), n=num(1, 99999), img=lambda w: w.slug(1, 3) + "-" + w.num(100, 999) + "x" + w.num(100, 999) + ".jpg", theme=listed("th", "twentytwentyfour astra divi avada oceanwp generatepress neve".split()), plug=shared("pl", 12, lambda w: w.c("akismet", "woocommerce", "jetpack", "yoast-seo", "elementor", "wpforms", w.noun() + "-" + w.noun())), ctype=listed("ct", "article page recipe landing faq banner author product event gallery testimonial".split()), tns=shared("tns", 12, lambda w: w.c("common", "checkout", "header", "footer", "errors", "emails", "auth", w.noun())), menu=shared("mn", 10, lambda w: w.c("main", "footer", "sidebar", "mobile", "header", "legal", "social", w.noun())), uuid=W.uuid, tag=shared("tag", 60, clash(W.noun, ["products", "blog", "events", "about"])), pg=num(2, 40), nl=shared("nl", 8, lambda w: w.c("weekly", "daily", "insider", "digest", w.noun())), date=W.date, b24=lambda w: w.b62(24)), tokens=(200, 100, 150), auth="cookie")

storage = Mix("s3-flags-graphql", """
c GET,PUT,HEAD /s3/{bucket}/{dir}/{obj}
GET /s3/{bucket}
GET,PUT /s3/{bucket}/{obj}
r DELETE /s3/{bucket}/{obj}
GET /s3/{bucket}/{dir}/{dir2}/{obj}
r GET /s3
c GET /storage/v1/b/{bucket}/o
c GET /storage/v1/b/{bucket}/o/{encobj}
r POST /storage/v1/b/{bucket}/o/{encobj}/copyTo/b/{bucket}/o/{encobj}
r GET /storage/v1/b/{bucket}/iam
GET /api/v2/flags/{fproj}
c GET /api/v2/flags/{fproj}/{flag}
PATCH /api/v2/flags/{fproj}/{flag}
r GET /api/v2/flags/{fproj}/{flag}/copy
GET /api/v2/flag-statuses/{fproj}/{enum_env}/{flag}
GET /api/v2/projects/{fproj}/environments/{enum_env}
r GET /api/v2/projects/{fproj}/environments/{enum_env}/apiKey
GET /api/v2/segments/{fproj}/{enum_env}/{segm}
r GET /api/v2/members/{hex24}
r GET /api/v2/auditlog
c GET /sdk/evalx/{hex24}/contexts/{b64}
c GET /sdk/latest-all
POST /events/bulk
r POST /events/diagnostic
c POST /graphql
r GET /graphql/schema
c GET /config/{svc}/{enum_env}
GET /config/{svc}/{enum_env}/{ckey}
PUT /config/{svc}/{enum_env}/{ckey}
GET /v1/kv/{svc}/{ckey}
r DELETE /v1/kv/{svc}/{ckey}
GET /v1/health/service/{svc}
r GET /v1/catalog/services
GET /v1/catalog/service/{svc}
GET /v1/agent/self
r PUT /v1/session/create
GET /v1/secret/data/{svc}/{ckey}
r GET /v1/secret/metadata/{svc}
r POST /v1/auth/approle/login
r PUT /v1/sys/seal
GET /api/datasources/proxy/{n}/api/v1/query_range
GET /api/dashboards/uid/{guid}
r GET /d/{guid}/{dslug}
r GET /api/v1/label/{lbl}/values
GET /api/v1/query
c POST /api/v1/write
GET /artifactory/{arepo}/{grp}/{art}/{ver}/{jar}
r GET /artifactory/api/storage/{arepo}/{grp}
GET /jenkins/job/{jjob}/{n}/console
GET /jenkins/job/{jjob}/lastBuild/api/json
r POST /jenkins/job/{jjob}/build
GET /raw/{login}/{fdir}/{obj}
r GET /d/s/{b24}
GET /share/{b24}/download
r GET /lambda/2015-03-31/functions/{fn}/invocations
POST /lambda/2015-03-31/functions/{fn}/invocations
GET /queues/{acct}/{queue}
POST /queues/{acct}/{queue}/messages
r DELETE /queues/{acct}/{queue}/messages/{uuid}
""", dict(bucket=own("bu", 2, lambda w: w.c(w.company() + "-" + w.c("assets", "backups", "logs", "uploads"), w.noun() + "-" + w.c("prod", "dev") + "-" + w.num(1, 9), w.noun() + "-media"), .2), dir=own("dir", 3, lambda w: w.c("images", "reports", "backups", "2025", "invoices", "users", "thumbs", w.noun(), w.date()), .1), dir2=own("dir2", 3, lambda w: w.c(w.num(1, 12), w.noun(), w.date(), w.hexs(2))), obj=lambda w: w.c(w.fname(), w.fname(), w.hexs(32) + ".jpg", w.uuid()), encobj=lambda w: quote(w.noun() + "/" + w.fname(), safe=""), fproj=shared("fp", 14, lambda w: w.c("default", "mobile", "web", "checkout", w.noun(), w.noun() + "-app")), flag=shared("flag", 70, lambda w: w.c("enable-", "show-", "new-", "use-", "", "") + w.slug(1, 3)), enum_env=listed("env", ["production", "staging", "test", "dev"]), segm=shared("sg", 20, lambda w: w.c("beta-users", "internal", "vip", w.noun(), w.noun() + "-users")), hex24=own("h24", 2, lambda w: w.hexs(24)), b64=own("b64", 6, lambda w: "eyJrZXkiOi" + w.b62(w.rng.randint(20, 60)) + w.c("", "%3D")), svc=shared("svc", 30, lambda w: w.c(w.noun(), w.noun() + "-" + w.c("api", "worker", "svc"), w.tech())), ckey=shared("ck", 40, lambda w: w.c("timeout", "database_url", "max_connections", "feature." + w.noun(), w.noun() + "_" + w.c("url", "limit", "size"), "LOG_LEVEL", w.noun())), n=num(1, 3000), guid=shared("gu", 30, lambda w: w.b62(9)), dslug=shared("dsl", 30, W.slug), lbl=shared("lbl", 15, lambda w: w.c("job", "instance", "namespace", "pod", "__name__", "cluster", w.noun(), "le")), arepo=listed("arp", "libs-release libs-snapshot plugins-release ext-release-local maven-central npm-local docker-local".split()), grp=shared("grp", 15, W.company), art=shared("artn", 25, lambda w: w.tech() + "-" + w.noun()), ver=lambda w: w.semver(), jar=lambda w: f"{w.tech()}-{w.semver()}.jar", jjob=shared("jj", 20, lambda w: w.c("deploy", "nightly", w.noun() + "-build", w.noun() + "-" + w.tech(), w.noun())), login=own("lg", 1, W.login), fdir=own("fd", 2, W.noun), b24=lambda w: w.b62(22), fn=shared("fn", 25, lambda w: w.c(w.noun() + "-handler", w.noun() + w.c("Processor", "Handler", "Worker"), "process_" + w.noun())), acct=own("ac", 1, lambda w: w.num(10**11, 10**12 - 1)), queue=own("qu", 2, lambda w: w.c(w.noun(), w.noun() + "-queue", w.noun() + "-dlq", w.noun() + "_events.fifo")), uuid=W.uuid), tokens=(50, 20, 120))

hospital = Mix("hospital-fhir", """
r GET /fhir/R4/metadata
c GET /fhir/R4/Patient
c GET,PUT /fhir/R4/Patient/{pid}
GET /fhir/R4/Patient/{pid}/$everything
r GET /fhir/R4/Patient/{pid}/_history
r GET /fhir/R4/Patient/{pid}/_history/{n}
c GET /fhir/R4/Observation
c GET /fhir/R4/Observation/{uuid}
r POST /fhir/R4/Observation/_search
GET /fhir/R4/Encounter/{uuid}
GET /fhir/R4/MedicationRequest
GET /fhir/R4/Practitioner/{prac}
r GET /fhir/R4/ValueSet/$expand
r GET /fhir/R4/CodeSystem/$lookup
r POST /fhir/R4
GET /wards
c GET /wards/{ward}
c GET /wards/{ward}/beds
GET /wards/{ward}/beds/{bed}
PUT /wards/{ward}/beds/{bed}/patient
r GET /wards/{ward}/staff/{staff}
GET /wards/{ward}/roster/{date}
r GET /wards/{ward}/roster/{date}/{enum_shift}
r GET /wards/occupancy
c GET /patients/{mrn}
GET /patients/{mrn}/vitals
c GET /patients/{mrn}/labs
GET /patients/{mrn}/labs/{loinc}
GET /patients/{mrn}/medications/{drug}
r DELETE /patients/{mrn}/medications/{drug}
GET /patients/{mrn}/allergies
r POST /patients/{mrn}/allergies/{allergen}
r GET /patients/{mrn}/documents/{file}
GET /patients/{mrn}/appointments/{date}
r GET /patients/by-email/{email}
r GET /patients/by-name/{last}/{firstn}
GET /doctors/{doc}
c GET /doctors/{doc}/schedule
GET /doctors/{doc}/schedule/{date}
GET /doctors/{doc}/patients
r POST /doctors/{doc}/oncall
r GET /doctors/specialties
GET /doctors/specialties/{spec}
c GET /drugs/{drug}
GET /drugs/{drug}/interactions
r GET /drugs/{drug}/interactions/{drug}
r GET /drugs/ndc/{ndc}
c GET /icd10/{icd}
r GET /icd10/{icd}/children
GET /loinc/{loinc}
r GET /snomed/{sct}
GET /appointments/{appt}
POST /appointments/{appt}/confirm
r POST /appointments/{appt}/cancel
GET /imaging/studies/{oid}
GET /imaging/studies/{oid}/series/{oid}
r GET /imaging/studies/{oid}/series/{oid}/instances/{oid}/frames/{n}
r GET /rooms/{room}/equipment/{equip}
r GET /claims/{claim}/status
r GET /insurers/{insurer}/plans/{plan}
""", dict(pid=own("pid", 3, lambda w: w.c(w.uuid(), w.num(100000, 999999))), n=num(1, 30), uuid=W.uuid, prac=lambda w: w.shared("prac", 50, lambda w: w.c(w.uuid(), "npi-" + w.num(10**9, 2 * 10**9))), ward=listed("wd", WARD), bed=lambda w: w.c("A", "B", "C") + w.num(1, 20), staff=shared("sf", 50, lambda w: w.c(w.letters(), w.dotted())), date=W.date, enum_shift=listed("sh", ["day", "night", "late", "early"]), mrn=own("mrn", 4, lambda w: "MRN" + w.num(10**6, 10**7)), loinc=shared("lo", 60, lambda w: w.num(1000, 99999) + "-" + w.num(0, 9)), drug=listed("dr", DRUG), allergen=shared("all", 20, lambda w: w.c("peanuts", "latex", "penicillin", "pollen", "eggs", "milk", "shellfish", "nuts", "soy", "dust", w.noun())), file=lambda w: w.fname("pdf"), email=own("em", 2, W.email), last=lambda w: w.last(), firstn=lambda w: w.first(), doc=shared("doc", 45, clash(lambda w: w.c("dr-" + w.last(), w.first() + "-" + w.last(), w.last(), w.letters()), ["house", "strange", "who", "patients", "wards"])), spec=listed("spec", WARD), ndc=lambda w: f"{w.num(10000, 99999)}-{w.num(100, 999)}-{w.num(10, 99)}", icd=shared("icd", 90, lambda w: w.c(*"ABCDEFGIJKLMNR") + w.num(10, 99) + w.c("", "." + w.num(0, 9), "." + w.num(10, 99))), sct=num(10**6, 10**9), appt=lambda w: w.uuid(), oid=lambda w: "1.2.840." + w.num(10000, 99999) + "." + ".".join(w.num(1, 9999) for _ in range(4)), room=shared("rm", 20, lambda w: w.c("OR", "ER", "R") + "-" + w.num(1, 30)), equip=shared("eq", 15, lambda w: w.c("ventilator", "monitor", "pump", "defibrillator", "scanner", "ultrasound") + w.c("", "-" + w.num(1, 9))), claim=lambda w: "CLM" + w.num(10**8, 10**9), insurer=shared("ins", 12, lambda w: w.c("aetna", "cigna", "humana", "kaiser", "anthem", "allianz", "axa", w.noun() + "care")), plan=shared("pl", 15, lambda w: w.c("gold", "silver", "bronze", "platinum", "hmo", "ppo", "epo", w.noun()))))

letters = Mix("letters-only", """
c GET /people/{user}
c GET /people/{user}/photos
GET /people/{user}/photos/{photo}
GET /people/{user}/friends
GET /people/{user}/friends/{user}
r DELETE /people/{user}/friends/{user}
r GET /people/{user}/wishlist
GET /people/{user}/badges/{badge}
c GET /rooms/{word}
GET /rooms/{word}/occupants
POST /rooms/{word}/knock
r GET /rooms/{word}/topics/{word2}
GET /lists/{ltok}
c GET /lists/{ltok}/items
GET,PUT /lists/{ltok}/items/{word}
r POST /lists/{ltok}/share/{user}
GET /dict/{lang}/{word}
GET /dict/{lang}/{word}/synonyms
r GET /dict/{lang}/{word}/audio
r GET /dict/{lang}/random
c GET /teams/{team}
GET /teams/{team}/roster
GET /teams/{team}/games/{date}
r GET /teams/{team}/players/{user}
r GET /leagues/{league}/standings
GET /leagues/{league}/teams
GET /recipes/{dish}
GET /recipes/{dish}/ingredients
r GET /recipes/{dish}/ingredients/{ingr}
r GET /recipes/popular
GET /ingredients/{ingr}
r GET /ingredients/{ingr}/substitutes
c GET /books/{isbn}
GET /books/{isbn}/chapters/{n}
r GET /books/{isbn}/quotes
GET /books/genre/{genre}
GET /plants/{plant}
r GET /plants/{plant}/care
GET /animals/{animal}/facts
r GET /animals/{animal}/sounds
GET /colors/{color}
r GET /colors/{color}/palette
GET /songs/{song}/lyrics
r GET /songs/{song}/chords
c GET /links/{short}
GET /links/{short}/clicks
r DELETE /links/{short}
GET /countries/{country}
GET /countries/{country}/cities
GET /countries/{country}/cities/{city}
r GET /countries/{country}/holidays/{yyyy}
GET /boards/{brd}
c GET /boards/{brd}/threads
GET /boards/{brd}/threads/{n}
r POST /boards/{brd}/threads/{n}/replies
GET /play/{user}/{game}
r GET /play/{user}/{game}/moves
GET /games/{game}/scores
r GET /games/{game}/scores/{user}
GET /vote/{poll}/{choice}
r GET /stats/daily
GET /session
""", dict(user=own("us", 2, clash(W.letters, ["photos", "games", "rooms", "popular", "random", "daily", "friends"]), .35), photo=lambda w: w.lower(9), badge=shared("bd", 20, lambda w: w.c("rookie", "veteran", "helper", "explorer", "champion", "founder", w.noun())), word=lambda w: w.shared("wo", 150, lambda w: w.c(w.noun(), w.rng.choice(ADJ), w.rng.choice(VERB))), word2=lambda w: w.noun(), ltok=own("lt", 3, lambda w: w.lower(5, 7)), lang=listed("la", "en de fr es it nl pt sv pl ru".split()), team=shared("te", 40, lambda w: w.c(w.noun() + "s", w.rng.choice(CITY), w.rng.choice(CITY) + "-" + w.noun() + "s")), date=W.date, league=listed("lg", "nba nfl nhl mlb mls epl laliga seriea bundesliga eredivisie ligue-1 f1".split()), dish=shared("di", 50, lambda w: w.c("lasagna", "ramen", "curry", "tacos", "paella", "risotto", "pizza", "goulash", w.noun() + "-" + w.c("soup", "pie", "salad", "stew"), w.noun() + "-and-" + w.noun())), ingr=shared("ig", 40, lambda w: w.c("flour", "sugar", "butter", "salt", "pepper", "eggs", "milk", "rice", "garlic", "onion", "basil", "thyme", w.noun())), isbn=lambda w: "978" + w.num(10**9, 10**10 - 1), n=num(1, 40), genre=listed("ge", "fantasy mystery romance horror thriller biography poetry history science travel cooking".split()), plant=shared("pt", 30, lambda w: w.c("ficus", "monstera", "aloe", "cactus", "fern", "orchid", "tulip", "rose", "basil", w.noun())), animal=shared("an", 30, lambda w: w.c("cat", "dog", "fox", "wolf", "bear", "lion", "tiger", "otter", "owl", "eagle", "shark", "whale", "horse", w.noun())), color=listed("co", "red green blue yellow orange purple pink brown black white gray teal navy olive maroon aqua lime indigo violet coral".split()), song=shared("so", 60, lambda w: w.c(w.slug(2, 4), w.noun())), short=lambda w: w.lower(5), country=listed("ctry", "germany france spain italy poland sweden norway japan china india brazil mexico canada australia austria portugal greece turkey egypt kenya".split()), city=listed("cty", CITY), yyyy=num(2020, 2027), brd=listed("brd", "g v a b k o p sp tv mu diy fit sci tech news pol his lit".split()), game=shared("ga", 20, lambda w: w.c("chess", "checkers", "go", "poker", "tetris", "sudoku", "solitaire", w.noun())), poll=own("po", 1, lambda w: w.lower(6)), choice=lambda w: w.c("yes", "no", "maybe", "abstain", w.noun())))

MIXES = {m.name: m for m in (github, gitlab, registry, stripe, slack, spotify, kubernetes, elastic, shopify, jira, wiki, travel, exchange, tenant, cms, storage, hospital, letters)}
import copy
wiki_tok = copy.copy(wiki); wiki_tok.name, wiki_tok.auth, wiki_tok.tokens = "wikipedia-tok", "bearer", (120, 60, 200)
MIXES[wiki_tok.name] = wiki_tok

# ---- Without file names, dotted names and bare version numbers.
plain_repo = lambda w: w.c(w.tech(), w.tech() + "-" + w.noun(), w.noun() + "-" + w.c("cli", "ui", "api", "server", "client", "docs", "core"), w.c("dotfiles", "blog", "website", "infra", "scripts"), w.noun())
def plainly(m):
    n = copy.copy(m); n.name, n.kinds = m.name + "-plain", dict(m.kinds)
    return n
github_plain = plainly(github); github_plain.kinds["repo"] = child("owner", "repo", plain_repo)
github_plain.kinds["file"] = shared("f", 60, lambda w: w.c("Makefile", "Dockerfile", "LICENSE", "src", "docs", "lib", "tests", w.noun()))
gitlab_plain = plainly(gitlab); gitlab_plain.kinds["p"] = child("g", "p", plain_repo); gitlab_plain.kinds["file"] = shared("fi", 40, lambda w: w.c("Makefile", "Dockerfile", "README", w.noun()))
gitlab_plain.kinds["enc"] = own("enc", 3, lambda w: w.c(w.num(1000, 99999), f"{w.c(w.company(), w.noun())}%2F{plain_repo(w)}"), .4); gitlab_plain.kinds["encfile"] = shared("ef", 60, lambda w: f"{w.c('src', 'app', 'lib', 'docs')}%2F{w.noun()}")

devhub = Mix("devhub", """
c GET /users/{name}
c GET /users/{name}/repos
GET /users/{name}/followers
r GET /users/{name}/keys
GET /orgs/{org}
GET /orgs/{org}/repos
GET /orgs/{org}/people/{name}
r DELETE /orgs/{org}/people/{name}
c GET /repos/{org}/{repo}
GET,POST /repos/{org}/{repo}/issues
GET /repos/{org}/{repo}/issues/{n}
GET /repos/{org}/{repo}/commits/{sha}
GET /repos/{org}/{repo}/branches/{branch}
r PUT /repos/{org}/{repo}/subscription
r GET /repos/{org}/{repo}/stargazers
GET /topics/{topic}
r GET /topics/{topic}/related
c GET /quotes/{tick}
c GET /quotes/{tick}/history
GET /quotes/{tick}/news
r GET /quotes/{tick}/options/{date}
GET /quotes/trending
GET /pairs/{cur}/{cur}
r GET /pairs/{cur}/{cur}/chart
PUT,DELETE /watch/{tick}
c GET /{loc}/articles/{slug}
GET /{loc}/articles
GET /{loc}/articles/{slug}/comments
r POST /{loc}/articles/{slug}/comments
GET /{loc}/about
r GET /{loc}/press/{yy}
GET /files/{md5}
GET /files/{md5}/preview
r DELETE /files/{md5}
GET /snippets/{b62}
GET /snippets/{b62}/raw
POST /snippets
GET /packages/{pkg}
GET /packages/{pkg}/{ver}
r GET /packages/{pkg}/{ver}/dependencies
r GET /packages/{pkg}/downloads
GET /invites/{lt}
POST /invites/{lt}/accept
GET /rooms/{lt}/members
r GET /rooms/{lt}/members/{name}
GET /sessions/{uuid}
r DELETE /sessions/{uuid}
GET /search
r GET /search/suggestions
GET /me
GET /me/notifications
PUT /me/notifications/{n}
r GET /me/settings
GET /status
r GET /status/history
GET /polls/{lt}/results
""", dict(name=own("name", 2, clash(W.letters, ["repos", "search", "status", "trending", "issues", "topics"]), .35), org=owner_of("org", 70, lambda w: w.c(w.company(), w.letters(), w.noun()), .3), repo=child("org", "repo", plain_repo), n=num(1, 2000), sha=lambda w: w.hexs(40), branch=shared("br", 40, lambda w: w.c("main", "master", "dev", "develop", "staging", "fix-" + w.noun(), "feature-" + w.slug(1, 2), w.noun())), topic=shared("tp", 50, lambda w: w.c(w.noun(), w.tech(), "machine-learning", "web")), tick=listed("tk", [s for s in STOCK if "." not in s]), date=W.date, cur=listed("cur", CCY), loc=listed("loc", LOCALE + LOCALE2, 16), slug=lambda w: w.shared("sl", 200, lambda w: w.slug(2, 6)), yy=num(2015, 2026), md5=lambda w: w.hexs(32), b62=lambda w: w.b62(11), pkg=shared("pk", 80, lambda w: w.c(w.tech(), w.tech() + "-" + w.noun(), w.noun())), ver=lambda w: w.semver(), lt=own("lt", 3, lambda w: w.lower(5, 8)), uuid=W.uuid), tokens=(24, 60, 150, 200))

news = Mix("news", """
c GET /{loc}
c GET /{loc}/{enum_section}
c GET /{loc}/{enum_section}/{slug}
GET /{loc}/{enum_section}/{slug}/comments
GET /{loc}/authors/{author}
r GET /{loc}/authors/{author}/articles
GET /{loc}/tags/{tag}
GET /{loc}/weather/{city}
r GET /{loc}/weather/{city}/radar
GET /{loc}/markets/{tick}
GET /{loc}/markets
r GET /{loc}/markets/{tick}/chart
GET /{loc}/crosswords/{date}
GET /{loc}/podcasts/{pod}
GET /{loc}/podcasts/{pod}/episodes/{n}
r GET /{loc}/podcasts/{pod}/subscribe
r GET /{loc}/subscribe
GET /{loc}/login
GET /api/users/{name}
GET /api/users/{name}/bookmarks
PUT,DELETE /api/users/{name}/bookmarks/{uuid}
GET /api/users/{name}/history
r GET /api/users/{name}/newsletters/{nl}
c GET /api/articles/{uuid}
GET /api/articles/{uuid}/related
POST /api/articles/{uuid}/views
GET /api/live/{event}
GET /api/live/{event}/updates
GET /api/scores/{league}/{date}
r GET /api/scores/{league}/standings
GET /api/scores/{league}/teams/{team}
GET /api/polls/{lt}
POST /api/polls/{lt}/vote
GET /api/recipes/{slug}
r GET /api/recipes/{slug}/nutrition
GET /api/search
GET /api/trending
r GET /api/trending/{cc}
GET /api/comments/{hex24}
POST /api/comments/{hex24}/flag
r POST /api/comments/{hex24}/reply
GET /api/images/{b62}
GET /api/images/{b62}/{enum_size}
GET /api/jobs/{city}/{role}
r GET /api/jobs/{city}
GET /api/people/{person}
GET /api/people/{person}/quotes
r GET /api/elections/{cc}/{yy}
r GET /api/elections/{cc}/{yy}/results
GET /api/topics/{topic}/follow
POST /api/topics/{topic}/follow
GET /s/{lt}
r GET /health
GET /api/letters/{lt}
r POST /api/devices/{uuid}/push
GET /api/quiz/{lt}/answers
""", dict(loc=listed("loc", LOCALE, 10), enum_section=listed("sec", "politics business sports culture science health travel opinion world local style food technology education climate".split(), 14), slug=lambda w: w.shared("sl", 300, lambda w: w.slug(3, 8)), author=shared("au", 50, lambda w: w.c(w.first() + "-" + w.last(), w.last(), w.first())), tag=shared("tag", 60, lambda w: w.c(w.noun(), w.rng.choice(CITY), w.last())), city=listed("city", CITY), tick=listed("tk", STOCK), date=W.date, pod=shared("pod", 20, lambda w: w.c("the-daily", w.noun(), w.slug(2, 3), "the-" + w.noun())), n=num(1, 300), name=own("nm", 1, lambda w: w.c(w.letters(), w.login())), uuid=W.uuid, nl=shared("nl", 10, lambda w: w.c("morning", "evening", "weekly", "cooking", w.noun())), event=shared("ev", 15, lambda w: w.slug(2, 4) + "-" + w.num(2024, 2026)), league=listed("lg", "nba nfl mlb nhl epl laliga seriea bundesliga ligue1 f1 atp wta".split()), team=shared("tm", 40, lambda w: w.c(w.rng.choice(CITY), w.noun() + "s")), lt=lambda w: w.shared("lt", 200, lambda w: w.lower(5, 7)), cc=listed("cc", "us gb de fr es it nl pl se jp au ca br in mx".split()), hex24=lambda w: w.hexs(24), b62=lambda w: w.b62(12), enum_size=listed("sz", "small medium large thumb original 320x240 640x480 1280x720".split()), role=listed("role", "nurse teacher engineer driver cook designer analyst manager plumber welder lawyer".split()), person=shared("pp", 60, lambda w: w.first() + "-" + w.last()), yy=num(2000, 2026), topic=shared("tp", 40, W.noun)), tokens=(40, 100, 200, 20), auth="cookie")

saas = Mix("saas", """
c GET /orgs/{org}/projects
c GET /orgs/{org}/projects/{proj}
GET,PUT /orgs/{org}/projects/{proj}/settings
GET /orgs/{org}/projects/{proj}/members
GET,DELETE /orgs/{org}/projects/{proj}/members/{name}
GET /orgs/{org}/projects/{proj}/envs/{env}
GET /orgs/{org}/projects/{proj}/envs/{env}/variables
PUT /orgs/{org}/projects/{proj}/envs/{env}/variables/{var}
GET /orgs/{org}/projects/{proj}/deployments
GET /orgs/{org}/projects/{proj}/deployments/{b62}
GET /orgs/{org}/projects/{proj}/deployments/{b62}/logs
r POST /orgs/{org}/projects/{proj}/deployments/{b62}/rollback
GET /orgs/{org}/projects/{proj}/deployments/latest
GET /orgs/{org}/teams/{team}
r GET /orgs/{org}/teams/{team}/members
r GET /orgs/{org}/billing
GET /orgs/{org}/billing/invoices/{inv}
GET /orgs/{org}/members/{name}
r PUT /orgs/{org}/members/{name}/role
r GET /orgs/{org}/audit
GET /users/{name}
GET /users/{name}/avatar
GET /users/me
r GET /users/me/tokens
r DELETE /users/me/tokens/{uuid}
GET /domains/{dom}
GET /domains/{dom}/records
r DELETE /domains/{dom}/records/{n}
GET /templates/{tpl}
r POST /templates/{tpl}/clone
GET /regions
GET /regions/{region}/sizes
GET /metrics/{metric}
GET /metrics/{metric}/{enum_agg}
c POST /events/{src}/{kind}
GET /functions/{fn}
POST /functions/{fn}/invoke
r GET /functions/{fn}/versions/{ver}
GET /databases/{db}/tables/{table}
c GET /databases/{db}/tables/{table}/rows
GET /databases/{db}/tables/{table}/rows/{n}
r GET /databases/{db}/backups/{date}
GET /queues/{lt}
POST /queues/{lt}/messages
r DELETE /queues/{lt}/messages/{uuid}
GET /features/{feat}
GET /features/{feat}/rules
r PUT /features/{feat}/rules/{n}
GET /images/{ns}/{img}
GET /images/{ns}/{img}/tags/{tag}
r DELETE /images/{ns}/{img}/tags/{tag}
GET /licenses/{key}
r POST /licenses/{key}/activate
GET /surveys/{lt}/responses/{mail}
r GET /contacts/{mail}
GET /login
GET /logout
r GET /health
""", dict(org=own("org", 1, lambda w: w.c(w.company(), w.letters(), w.pron(4, 8)), .05), proj=own("pj", 3, clash(lambda w: w.c(w.noun(), w.slug(2, 2), w.letters(), "web", "api", "mobile", "docs"), ["settings", "members", "billing", "latest", "teams", "projects"])), name=own("nm", 3, clash(lambda w: w.c(w.letters(), w.login(), w.dotted()), ["projects", "avatar", "events"])), env=own("env", 2, lambda w: w.c("production", "staging", "dev", "test", "preview", "qa", "review-" + w.num(1, 400), w.noun())), var=shared("vr", 40, lambda w: w.noun().upper() + "_" + w.c("URL", "KEY", "HOST", "PORT")), b62=lambda w: w.b62(20), team=own("tm", 2, lambda w: w.c("design", "backend", "growth", "data", "mobile", "support", w.noun())), inv=lambda w: "INV-" + w.num(10000, 99999), uuid=W.uuid, dom=own("dm", 2, lambda w: w.c(w.noun(), w.company()) + "." + w.c("com", "io", "dev", "org", "co.uk")), n=num(1, 9999), tpl=shared("tpl", 25, lambda w: w.c("nextjs", "blog", "dashboard", w.tech(), w.tech() + "-" + w.noun())), region=listed("rg", "us-east-1 us-west-2 eu-west-1 eu-central-1 ap-south-1 sa-east-1 fra1 nyc3 sgp1 ams3 lon1 iad1 sfo1 hnd1".split()), metric=shared("mt", 25, lambda w: w.c("cpu", "memory", "disk", "network", "requests", "errors", "latency", w.noun() + "_" + w.c("count", "total", "bytes"))), enum_agg=listed("agg", "avg min max sum count median stddev rate last first".split()), src=listed("src", "web ios android server email crm billing support mobile cli".split()), kind=shared("kd", 40, lambda w: w.c("click", "open", "view", "signup", "login", "purchase", "error", w.noun(), w.noun() + "-" + w.c("created", "updated"))), fn=own("fn", 2, lambda w: w.c(w.noun() + "Handler", w.noun() + "-" + w.c("hook", "job"), "send" + w.noun().title())), ver=lambda w: w.semver(), db=own("db", 1, lambda w: w.c(w.noun(), w.noun() + "_" + w.c("prod", "dev"), w.letters())), table=shared("tb", 50, clash(lambda w: w.noun() + w.c("s", "", "_log"), ["users", "orders", "events", "sessions", "images", "queues"])), date=W.date, lt=own("lt", 2, lambda w: w.lower(6, 9)), feat=shared("ft", 40, lambda w: w.c("new-" + w.noun(), "dark-mode", "beta-" + w.noun(), w.noun() + "-v2", w.noun())), ns=owner_of("ns", 40, lambda w: w.c(w.company(), w.letters(), "library"), .2), img=child("ns", "img", lambda w: w.c(w.tech(), w.noun())), tag=shared("tg", 40, lambda w: w.c("latest", "stable", "edge", w.semver(), w.num(1, 30), w.hexs(7))), key=lambda w: "-".join("".join(w.rng.choices("ABCDEFGHJKMNPQRSTUVWXYZ23456789", k=5)) for _ in range(4)), mail=own("ml", 3, lambda w: w.email())), tokens=(30, 120, 60, 200))

forge = Mix("rootforge", """
c GET /{user}
c GET /{user}/{repo}
c GET /{user}/{repo}/issues
GET /{user}/{repo}/issues/{n}
POST /{user}/{repo}/issues/{n}/comments
GET /{user}/{repo}/pulls
GET /{user}/{repo}/pull/{n}
GET /{user}/{repo}/pull/{n}/files
GET /{user}/{repo}/commit/{sha}
GET /{user}/{repo}/tree/{branch}
r GET /{user}/{repo}/blame/{branch}/{path}
GET /{user}/{repo}/blob/{branch}/{path}
r GET /{user}/{repo}/settings
r GET /{user}/{repo}/settings/hooks
r GET /{user}/{repo}/graphs/contributors
GET /{user}/{repo}/releases
GET /{user}/{repo}/releases/tag/{tag}
GET /{user}/{repo}/wiki
r GET /{user}/{repo}/wiki/{page}
r POST /{user}/{repo}/star
r POST /{user}/{repo}/fork
r GET /{user}/{repo}/actions
GET /explore
GET /trending
GET /trending/{lang}
GET /login
POST /session
r GET /pricing
r GET /about
GET /notifications
r POST /notifications/mark
GET /search
GET /topics/{topic}
GET /collections/{coll}
r GET /collections
GET /marketplace
GET /marketplace/{app}
r POST /marketplace/{app}/install
GET /sponsors/{user}
r GET /sponsors/{user}/goals
GET /orgs/{user}/people
GET /orgs/{user}/teams/{team}
r GET /orgs/{user}/dashboard
GET /settings/profile
GET /settings/keys
r DELETE /settings/keys/{n}
GET /gists/{user}/{gist}
r GET /gists/{user}/{gist}/revisions
GET /avatars/{n}
r GET /events
GET /stars/{user}/lists/{list}
""", dict(user=owner_of("user", 110, clash(lambda w: w.c(w.login(), w.letters(), w.company(), w.tech()), ["issues", "wiki", "releases", "actions", "teams"]), .35), repo=child("user", "rp", plain_repo), n=num(1, 4000), sha=lambda w: w.hexs(40), branch=shared("br", 30, lambda w: w.c("main", "master", "dev", "fix-" + w.noun(), "v" + w.num(1, 9), w.noun())), path=shared("pt", 40, lambda w: w.c("Makefile", "LICENSE", "Dockerfile", w.noun())), tag=shared("tg", 50, lambda w: "v" + w.semver()), page=shared("pg", 25, lambda w: w.c("Home", "FAQ", "Setup", w.noun().title() + "-" + w.noun().title())), lang=listed("la", "python rust go java ruby c haskell scala swift elixir kotlin dart perl lua".split()), topic=shared("tp", 50, lambda w: w.c(w.noun(), w.tech())), coll=shared("cl", 20, lambda w: w.slug(2, 4)), app=shared("ap", 20, lambda w: w.c(w.tech(), w.noun(), w.noun() + "-bot")), team=shared("tm", 20, lambda w: w.c("core", "infra", "docs", w.noun())), gist=lambda w: w.hexs(32), list=own("ls", 1, lambda w: w.c("later", "cool", w.noun(), w.slug(1, 2)))), tokens=(100, 40, 200, 24))
for m in (github_plain, gitlab_plain, devhub, news, saas, forge): MIXES[m.name] = m

shop2 = Mix("shop", """
c GET /{loc}/shop/{cat}
c GET /{loc}/shop/{cat}/{prod}
GET /{loc}/shop/{cat}/{prod}/reviews
r POST /{loc}/shop/{cat}/{prod}/reviews
GET /{loc}/brands/{brand}
r GET /{loc}/brands/{brand}/stores
GET /{loc}/stores/{city}
GET /{loc}/stores/{city}/hours
GET /{loc}/cart
POST /{loc}/cart/items
r DELETE /{loc}/cart/items/{sku}
GET /{loc}/checkout
r POST /{loc}/checkout/payment
GET /{loc}/account
GET /{loc}/account/orders/{order}
r GET /{loc}/account/orders/{order}/invoice
GET /{loc}/lookbook/{slug}
GET /{loc}/gifts/{lt}
r GET /{loc}/search
c GET /api/products/{sku}
c GET /api/products/{sku}/stock
GET /api/products/{sku}/prices/{cur}
r PUT /api/products/{sku}/prices/{cur}
GET /api/vouchers/{vou}
POST /api/vouchers/{vou}/redeem
GET /api/sellers/{seller}
GET /api/sellers/{seller}/products
GET /api/sellers/{seller}/ratings
r POST /api/sellers/{seller}/follow
GET /api/customers/{name}
GET /api/customers/{name}/wishlist
r GET /api/customers/{name}/wishlist/{sku}
PUT /api/customers/{name}/address
r DELETE /api/customers/{name}
GET /api/carriers/{carrier}/rates
GET /api/shipments/{track}
GET /api/shipments/{track}/events
r POST /api/shipments/{track}/claim
GET /api/warehouses/{wh}/bins/{bin}
r GET /api/warehouses/{wh}
GET /api/attributes/{attr}
r GET /api/attributes/{attr}/values
GET /api/categories
GET /api/categories/{cat}
r GET /api/categories/{cat}/facets
GET /api/fx/{cur}/{cur}
POST /api/sessions
r DELETE /api/sessions/{uuid}
GET /api/recommendations/{name}
GET /api/questions/{hex24}/answers
r POST /api/questions/{hex24}/answers
GET /api/campaigns/{slug}
r GET /api/campaigns/{slug}/banner
GET /api/colors/{color}
GET /r/{lt}
r GET /ping
GET /api/coupons/{mail}
GET /api/tickers/{tick}
r GET /api/tickers/{tick}/intraday
""", dict(loc=listed("loc", LOCALE2, 12), cat=shared("cat", 25, lambda w: w.c("shoes", "shirts", "hats", "bags", "lamps", "chairs", "books", "toys", w.noun() + "s")), prod=lambda w: w.shared("pr", 250, lambda w: w.c(w.slug(2, 5), w.noun())), brand=shared("bd", 40, lambda w: w.c(w.last(), w.company(), w.noun())), city=listed("city", CITY), sku=lambda w: w.shared("sku", 300, lambda w: w.c("SKU", "ART", "P") + w.num(10000, 999999)), order=own("or", 4, lambda w: w.num(10**8, 10**9) + "-" + w.num(100, 999)), slug=lambda w: w.shared("lk", 40, lambda w: w.slug(2, 4)), lt=own("lt", 3, lambda w: w.lower(6)), cur=listed("cur", CCY), vou=lambda w: w.shared("vo", 100, lambda w: w.c(w.noun().upper() + w.num(5, 50), w.lower(7), w.b62(8).upper())), seller=shared("se", 80, clash(lambda w: w.c(w.letters(), w.company(), w.login()), ["products", "brands", "stores", "gifts", "cart"])), name=own("nm", 1, W.letters), carrier=listed("ca", "dhl ups fedex usps gls dpd hermes postnl tnt royalmail correos".split()), track=own("tr", 4, lambda w: "1Z" + w.b62(16).upper()), wh=shared("wh", 15, lambda w: w.rng.choice(IATA).lower() + w.num(1, 9)), bin=lambda w: w.c(*"ABCD") + "-" + w.num(1, 40) + "-" + w.num(1, 9), attr=shared("at", 20, lambda w: w.c("color", "size", "material", "brand", "weight", "voltage", w.noun())), uuid=W.uuid, hex24=lambda w: w.hexs(24), color=listed("co", "red green blue yellow orange purple pink brown black white gray teal navy olive maroon".split()), mail=own("ml", 1, lambda w: quote(w.email(), safe="")), tick=listed("tk", [s for s in STOCK if "." not in s])), tokens=(60, 200, 20, 100), auth="key")
MIXES[shop2.name] = shop2
