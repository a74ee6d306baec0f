"""Values as real APIs have them, and requests drawn from a mix of routes, written as a capture."""

import collections
import itertools
import random
import re
import string
import uuid
from urllib.parse import quote

from apis.words import *
from harness import Capture


class World:
    def __init__(self, seed, tokens):
        self.rng = random.Random(seed); self.tokens = tokens; self.cache = {}; self.token = 0; self.ctx = {}
    # pools
    def pool(self, name, n, make):
        if name not in self.cache:
            seen = {}
            for _ in range(n * 30):
                seen.setdefault(make(self))
                if len(seen) >= n: break
            self.cache[name] = list(seen); self.rng.shuffle(self.cache[name])
        return self.cache[name]
    def zipf(self, values, s=1.0):
        if s == 0: return self.rng.choice(values)
        key = ("w", len(values), s)
        if key not in self.cache: self.cache[key] = list(itertools.accumulate(1 / (i + 1) ** s for i in range(len(values))))
        return self.rng.choices(values, cum_weights=self.cache[key])[0]
    def shared(self, name, n, make, s=1.0):
        return self.zipf(self.pool(name, n, make), s)
    def own(self, name, n, make, stray=0.0):
        """Values of which each token has its own n."""
        key = ("own", name)
        if key not in self.cache:
            pool = self.pool(("pool", name), self.tokens * n, make)
            self.cache[key] = [[pool[(t * n + i) % len(pool)] for i in range(n)] for t in range(self.tokens)]
        token = self.rng.randrange(self.tokens) if stray and self.rng.random() < stray else self.token
        return self.zipf(self.cache[key][token], 0.8)
    def listed(self, name, values, n=None, s=1.0):
        """A part of a list, in an order of its own for each seed."""
        if name not in self.cache:
            v = list(values); self.rng.shuffle(v); self.cache[name] = v[:n or len(v)]
        return self.zipf(self.cache[name], s)
    # makers
    def c(self, *a): return self.rng.choice(a)
    def first(self): return self.rng.choice(FIRST)
    def last(self): return self.rng.choice(LAST)
    def noun(self): return self.rng.choice(NOUN)
    def tech(self): return self.rng.choice(TECH)
    def lower(self, a, b=None): return "".join(self.rng.choices(string.ascii_lowercase, k=self.rng.randint(a, b or a)))
    def pron(self, a, b):
        n = self.rng.randint(a, b); out = ""
        while len(out) < n: out += self.rng.choice("bcdfghjklmnprstvwz") + self.rng.choice("aeiou")
        return out[:n]
    def hexs(self, n): return "".join(self.rng.choices("0123456789abcdef", k=n))
    def b62(self, n): return "".join(self.rng.choices(string.ascii_letters + string.digits, k=n))
    def num(self, a, b): return str(self.rng.randint(a, b))
    def uuid(self): return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
    def date(self): return f"{self.rng.choice((2024, 2025, 2026))}-{self.rng.randint(1, 12):02}-{self.rng.randint(1, 28):02}"
    def semver(self): return f"{self.rng.randint(0, 9)}.{self.rng.randint(0, 20)}.{self.rng.randint(0, 15)}" + self.rng.choice(["", "", "", "", "-rc.1", "-beta.2", "-alpha"])
    def slug(self, a=2, b=6): return "-".join(self.rng.choice((NOUN, ADJ, VERB, NOUN, TECH))[self.rng.randrange(30)] for _ in range(self.rng.randint(a, b)))
    def login(self):
        r = self.rng.random(); f, l, n = self.first(), self.last(), self.noun()
        return (f if r < .25 else f + l if r < .4 else f[0] + l if r < .55 else f + self.num(1, 99) if r < .65 else n if r < .75 else f"{f}-{l}" if r < .83 else f + l[0] if r < .9 else f.title() + l.title() if r < .95 else n + self.noun())
    def letters(self):  # letters only, as in user names
        r = self.rng.random(); f, l, n = self.first(), self.last(), self.noun()
        return f if r < .4 else f[0] + l if r < .6 else n if r < .8 else self.pron(5, 8)
    def dotted(self): return f"{self.first()}.{self.last()}"
    def email(self): return f"{self.first()}.{self.last()}@{self.c('example.com', 'mail.test', 'corp.example.org')}"
    def company(self): return self.rng.choice(COMPANY) if self.rng.random() < .5 else self.c(self.noun() + self.c('hq', 'labs', 'io', 'soft', 'tech', ''), self.last() + "-" + self.c("group", "gmbh", "inc", "media", "and-sons"), self.noun() + "-" + self.noun())
    def uni(self): return quote(self.rng.choice(UNI), safe="")
    def title(self): return "_".join(w.title() if i == 0 or self.rng.random() < .5 else w for i, w in enumerate(self.rng.choice((NOUN, ADJ, CITY, LAST, FIRST))[self.rng.randrange(48)] for _ in range(self.rng.randint(1, 4))))
    def fname(self, ext=None): return self.c(self.noun(), self.slug(1, 3), f"{self.c('IMG', 'DSC', 'scan')}_{self.num(1000, 9999)}", self.noun() + "_" + self.c("final", "v2", "draft", "2025")) + "." + (ext or self.c("pdf", "jpg", "png", "docx", "csv", "xlsx", "txt", "mp4"))

def routes_of(text):
    """Lines `[weight] METHOD template`: weight r (rare: 5 to 20 requests), c (common) or none. METHOD may be A,B."""
    out = []
    for line in text.strip().split("\n"):
        line = line.strip()
        if not line: continue
        words = line.split()
        weight = words.pop(0) if words[0] in ("r", "c") else ""
        out += [(weight, m, words[1]) for m in words[0].split(",")]
    assert len(out) == len({(m, t) for _, m, t in out}), [k for k, n in collections.Counter((m, t) for _, m, t in out).items() if n > 1]
    return out

def build(mix, seed):
    """[(token number, method, path, template, [(kind, value)])]."""
    rng = random.Random(f"{mix.name}/{seed}")
    tokens = mix.tokens[seed % len(mix.tokens)]; total = rng.randrange(3000, 6001)
    world = World(rng.random(), tokens)
    routes = routes_of(mix.routes)
    plan = []
    for r in routes:
        if r[0] == "r": plan += [r] * rng.randint(5, 20)
    common = [r for r in routes if r[0] != "r"]
    for r in common: plan += [r] * 12
    weights = [rng.lognormvariate(0, .9) * (4 if r[0] == "c" else 1) for r in common]
    plan += rng.choices(common, weights, k=max(0, total - len(plan)))
    rng.shuffle(plan)
    tw = list(itertools.accumulate(1 / (i + 1) ** .6 for i in range(tokens)))
    out = []
    for n, (_, method, template) in enumerate(plan):
        token = rng.choices(range(tokens), cum_weights=tw)[0]
        world.token, world.ctx = token, {}
        used = []
        def fill(m):
            v = mix.kinds[m[1]](world); used.append((m[1], v)); return v
        path = re.sub(r"{([\w]+)}", fill, template)
        out.append((token, method, path, template, used))
    return out, tokens

def write(mix, asked, tokens, seed):
    rng = random.Random(f"w{mix.name}/{seed}")
    keys = ["".join(rng.choices("abcdefghkmnpqrstuvwxyz23456789", k=36)) for _ in range(tokens)]
    clients = [f"198.{51 + i // 60000}.{rng.randrange(1, 250)}.{rng.randrange(2, 250)}" for i in range(max(tokens, 40))]
    homes = [rng.sample(range(len(clients)), rng.choice((1, 1, 2, 3))) for _ in range(tokens)]
    file = Capture()
    for token, method, path, _, _ in asked:
        file.micros += rng.randrange(10**6) if seed % 2 else rng.randrange(10**5)
        client = token if mix.auth == "none" else rng.choice(homes[token])
        auth = {"bearer": f"Authorization: Bearer tok-{keys[token]}\r\n", "key": f"X-Api-Key: {keys[token]}\r\n", "cookie": f"Cookie: session={keys[token]}\r\n", "none": ""}[mix.auth]
        query = rng.choice(["", "", "", "?page=2&per_page=50", "?limit=20", "?q=" + rng.choice(NOUN)]) if method == "GET" else ""
        body = b'{"a":1}' if method in ("POST", "PUT", "PATCH") else b""
        head = f"{method} {path}{query} HTTP/1.1\r\nHost: {mix.host}\r\nUser-Agent: {rng.choice(('okhttp/4.12.0', 'python-requests/2.32.3', 'curl/8.5.0', 'Mozilla/5.0'))}\r\n{auth}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        status = rng.choices(("200 OK", "201 Created", "404 Not Found", "500 Internal Server Error"), (92, 4, 3, 1))[0]
        answer = b"" if method == "HEAD" else b'{"ok":true}'
        file.conversation([(head.encode() + body, f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)], clients[client])
    return file.bytes()


class Mix:
    def __init__(self, name, routes, kinds, tokens=(20, 60, 200), auth="bearer", host="api.example.test"):
        self.name, self.routes, self.kinds, self.tokens, self.auth, self.host = name, routes, kinds, tokens, auth, host
