"""Mixes drawn at random: which routes there are, how many values a parameter has, and how unevenly they are used."""

import random
import string

from apis.traffic import Mix
from apis.words import *

# Each line: a route and what else stands behind it.
ROUTES = """
/users/{user} posts posts/{slug} followers following settings repos avatar likes
/u/{user} photos badges about
/profile/{user} activity friends
/@/{user} timeline
/{loc} articles/{slug} articles/{slug}/comments docs/{slug} products/{slug} products/{slug}/reviews help about
/locales/{loc}/messages
/i18n/{loc}/bundle
/blog/{slug} comments edit
/articles/{slug} related share
/categories/{slug}/items
/pages/{slug}
/quotes/{tick} history news dividends
/stocks/{tick} options financials chart
/markets/{tick}/orderbook
/watchlists/{uuid}/symbols/{tick}
/symbols/{tick}
/commits/{hash} diff
/blobs/{hash}
/objects/{hash}/metadata
/cache/{hash}
/transactions/{hash} receipt
/repos/{org}/{repo} issues pulls branches tags commits/{hash} contributors issues/{int} stargazers
/{org}/{repo} issues wiki releases tree/{hash} actions
/orgs/{org} members members/{user} repos teams
/projects/{org}/{repo}/pipelines/{int}
/packages/{org}/{repo}/versions
/invites/{letters} accept
/share/{letters}
/s/{letters}
/join/{letters}
/verify/{letters}
/sessions/{letters}/refresh
/rooms/{letters} messages participants/{user}
/links/{letters}/stats
/orders/{int} items items/{int} refund
/invoices/{uuid} pdf lines
/customers/{uuid} orders cards
/payments/{uuid}/capture
/events/{date}
/reports/{date}/summary
/health
/status
/login
/logout
/me settings
/search users
/feed
/trending
/notifications
/notifications/{int}/read
/users/me
/users/search
/products/search
/products/{slug} stock
/files/{uuid}/download
/teams/{slug} members members/{user}
/tags/{slug}
/webhooks/{uuid}
/api-keys
/metrics
/version
"""


def routes(rng):
    """55 to 70 of them, some with a second method, some rare, some common."""
    lines = [line.split() for line in ROUTES.strip().split("\n")]
    every = [route + tail for route, *tails in lines for tail in ["", *("/" + tail for tail in tails)]]
    rng.shuffle(every)
    # Locales and organisations do not both stand first.
    absent = rng.choice(("/{loc}", "/{org}"))
    prefix = rng.choice(("", "", "/api", "/v1", "/api/v2"))
    chosen = [route for route in every if not route.startswith(absent)][: rng.choice((55, 60, 70))]
    out = []
    for route in chosen:
        methods = ["GET"] + ([rng.choice(("POST", "PUT", "DELETE", "PATCH"))] if rng.random() < 0.2 else [])
        for method in methods:
            weight = rng.choices(("r ", "c ", ""), (25, 8, 67))[0]
            out.append(f"{weight}{method} {prefix}{route}")
    return "\n".join(out)


def kinds(rng):
    """How the values of each parameter are made, and drawn."""

    def number(least, most):
        """Powers of two between: 4 as often as 128."""
        return round(2 ** rng.uniform(least, most))

    def slope():
        """How unevenly values are used, from evenly on."""
        return rng.choice((0, 0.5, 1.0, 1.2))

    def shared(name, count, make):
        fall = slope()
        return lambda world: world.shared(name, count, make, fall)

    people = rng.choice((
        lambda world: world.first(),
        lambda world: world.letters(),
        lambda world: world.login(),
        lambda world: world.c(world.first(), world.noun(), world.pron(4, 9)),
    ))
    user = shared("user", number(3, 8), people)
    if rng.random() < 0.4:
        user = lambda world: world.own("user", 2, people, 0.3)

    locales, how_many, locale_slope = rng.choice((LOCALE, LOCALE2, LOCALE + LOCALE2)), rng.randint(3, 20), slope()
    organisations, organisation_slope = number(2, 6), slope()

    def organisation(world):
        def make(world):
            return world.company() if rng.random() < 0.6 else world.noun()

        world.ctx["org"] = world.shared("org", organisations, make, organisation_slope)
        return world.ctx["org"]

    each, all_repos, repo_slope, common = rng.randint(1, 8), number(3, 6), slope(), rng.random() < 0.3

    def repository(world):
        def make(world):
            return world.c(world.noun(), f"{world.noun()}-{world.noun()}", world.tech(), f"{world.tech()}-{world.noun()}")

        if common:
            return world.shared("repo", all_repos, make, repo_slope)
        return world.shared(("repo", world.ctx["org"]), each, make, repo_slope)

    length = rng.choice(((5, 8), (6, 6), (8, 12), (10, 10), (16, 24)))
    alphabet = rng.choice((string.ascii_letters, string.ascii_lowercase, string.ascii_lowercase))

    def letters(world):
        return "".join(world.rng.choices(alphabet, k=world.rng.randint(*length)))

    digits = rng.choice((7, 8, 12, 32, 40, 64))

    def digest(world):
        return world.hexs(digits)

    symbols, symbol_slope = number(2.5, 6), slope()
    return {
        "user": user,
        "loc": lambda world: world.listed("loc", locales, how_many, locale_slope),
        "slug": shared("slug", number(3, 8), lambda world: world.slug(1 if rng.random() < 0.2 else 2, 5)),
        "tick": lambda world: world.listed("tick", [name for name in STOCK if "." not in name], symbols, symbol_slope),
        "hash": shared("hash", 60, digest) if rng.random() < 0.5 else digest,
        "org": organisation,
        "repo": repository,
        "letters": shared("letters", number(3, 8), letters) if rng.random() < 0.5 else letters,
        "int": lambda world: world.num(1, 9999),
        "uuid": lambda world: world.uuid(),
        "date": lambda world: world.date(),
    }


def mix(seed):
    """The mix of this seed."""
    rng = random.Random(f"drawn {seed}")
    tokens = rng.choice((5, 10, 20, 40, 100, 300))
    return Mix("drawn", routes(rng), kinds(rng), tokens=(tokens,))
