"""How well the templates that are shown fit those that were drawn from."""

import collections
import re
from urllib.parse import unquote


def norm(t):
    """Parameters unnamed; `{a},{b}` within a segment and `@{a}`, `~{a}` count as one parameter; no trailing slash."""
    t = re.sub(r"{[^}]*}", "{}", t)
    t = re.sub(r"{}(?:[,;:.@~_-]+{})+", "{}", t)
    t = re.sub(r"(?<=/)[@~]{}", "{}", t)
    return t.rstrip("/") or "/"

def accepted(template, used):
    """The normalised templates that are right for a request: enumerations may also be shown as names."""
    forms = [""]
    parts = re.split(r"({\w+})", template); i = 0
    for p in parts:
        if p.startswith("{"):
            kind, value = used[i]; i += 1
            forms = [f + x for f in forms for x in (["{}", value] if kind.startswith("enum_") and not re.fullmatch(r"\d+x\d+", value) else ["{}"])]
        else: forms = [f + p for f in forms]
    return [norm(f) for f in forms]

class Score: pass

def position_stats(asked):
    """(template up to the value, kind) -> value -> tokens."""
    stats = collections.defaultdict(lambda: collections.defaultdict(set))
    for token, _, _, template, used in asked:
        for n, m in enumerate(re.finditer(r"{\w+}", template)):
            stats[norm(template[:m.end()])][used[n][1]].add(token)
    return stats

def score(asked, shown):
    s = Score(); s.exact = 0; s.total = len(asked)
    covers = collections.defaultdict(lambda: collections.defaultdict(list)); s.wrong = collections.defaultdict(list)
    s.leaks = collections.defaultdict(list)
    stats = position_stats(asked)
    one_ext = collections.defaultdict(lambda: collections.defaultdict(set))
    for _, method, _, template, used in asked:
        for i, (_, value) in enumerate(used):
            e = re.search(r"\.[A-Za-z]\w{1,5}$", value); one_ext[method, template][i].add(e[0] if e else "")
    for (token, method, path, template, used), (m2, seen) in zip(asked, shown, strict=True):
        assert method == m2, (path, method, m2)
        ok = accepted(template, used); n = norm(seen); truth = f"{method} {ok[0]}"
        for k, m in enumerate(re.finditer(r"(?<=/){\w+}(?=/|$)", template)):
            nth = len(re.findall(r"{\w+}", template[:m.end()])) - 1
            exts = one_ext[method, template][nth]
            if len(exts) == 1 and (ext := next(iter(exts))):
                seg = template[:m.start()].count("/")
                for o in list(ok):
                    parts = o.split("/"); parts[seg] = "{}" + ext; ok.append("/".join(parts))
        covers[f"{method} {n}"][truth].append(path)
        if n in ok: s.exact += 1
        else: s.wrong[(truth + "   AS   " + seen)].append(path)
        # raw values: by position where the segments line up, else anywhere not static in the truth
        tsegs, ssegs = template.split("/"), seen.split("/")
        statics = set(re.split(r"[/.:]", re.sub(r"{\w+}", "", template)))
        names = re.findall(r"{([^}]*)}", seen)
        plain = re.sub(r"{[^}]*}", "{}", seen)
        at = 0
        for i, (kind, value) in enumerate(used):
            prefix = norm(template[:[m.end() for m in re.finditer(r"{\w+}", template)][i]])
            where = None
            forms = {value, unquote(value), value.lower()}
            for form in forms:
                pieces = re.split(r"[/]", plain)
                # same segment
                seg = template[:[m.start() for m in re.finditer(r"{\w+}", template)][i]].count("/")
                if len(tsegs) == len(ssegs):
                    piece = re.sub(r"{[^}]*}", "", ssegs[seg]); static = re.sub(r"{\w+}", "", tsegs[seg])
                    if form == ssegs[seg] or (piece and piece != static and form in re.split(r"[.:,@~_]", piece)) or (len(form) > 4 and form in piece and form not in static): where = "segment"
                elif form in pieces and form not in statics: where = "segment"
                if len(form) > 3 and any(form.replace("-", "_") == x or re.fullmatch(re.escape(form.replace("-", "_")) + r"_\w+", x) for x in names) and form not in statics and form not in ("user", "name", "word", "slug", "date", "hash"): where = "parameter name"
            if where:
                if not kind.startswith("enum_") or re.fullmatch(r"\d+x\d+", value): s.leaks[(value, seen, where, len(stats[prefix]), len(stats[prefix][value]))].append(path)
    s.mixed = {}
    for label, truths in covers.items():
        if len(truths) > 1: s.mixed[label] = truths
    s.truths = len({(m, accepted(t, u)[0]) for _, m, _, t, u in asked})
    s.share = s.exact / s.total
    return s
