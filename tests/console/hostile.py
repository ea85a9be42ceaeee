"""Words that try to be more than words, for every field, header, address and answer; and a reader of what came out.

The reader knows what the product's own pages are made of. Whatever else stands in a page as an element, a handler, a
style or an address of elsewhere, somebody has typed.
"""

import re
from html.parser import HTMLParser

from tests.console.hospital import HOSTILE

# Each of these leaves a mark that cannot come from our own templates: an element `wkx`, or the product 60481729.
CORPUS = (
    *HOSTILE,
    "<wkx onload=alert(1)>",
    '"><wkx/onclick=alert(1) x="',
    "'><wkx style='position:fixed'>",
    "`><wkx>",
    "</textarea></select></title></script><wkx>",
    "<ScRiPt>alert(1)</sCrIpT><wkx",
    "{{7777*7777}}{%print(7777*7777)%}${7777*7777}#{7777*7777}",
    "<wkx>\u202e>xkw<",
    "＜wkx＞",
    "%3Cwkx%3E",
    "data:text/html,<wkx>",
    "//evil.example/<wkx>",
    "\\\\evil.example\\wkx",
)
ALL = " ".join(CORPUS)
# What our templates, charts and marks are made of.
ELEMENTS = frozenset(
    (
        "a", "article", "body", "button", "code", "dd", "details", "div", "dl", "dt", "em", "fieldset", "form", "h1",
        "h2", "h3", "head", "header", "html", "input", "label", "legend", "li", "line", "link", "main", "mark", "meta",
        "nav", "ol", "option", "p", "path", "pre", "rect", "script", "section", "select", "span", "strong", "summary",
        "svg", "table", "tbody", "td", "text", "textarea", "th", "thead", "time", "title", "tr", "ul",
    )
)  # fmt: skip
_STYLES = {"/static/style.css", "/static/mark.svg"}
# What changes who may come in, or ends what the page needs: there the record's own name is a hostile one too.
GRAVE = re.compile(
    r"(disable|revoke|suspend|terminate|login\.reset|close|remove|rotate|withdraw|credential|roles|end)$"
)
NEVER = frozenset({"/sign-out", "/account/sessions/end-all"})


class Reader(HTMLParser):
    """Reads one page; `wrong` is what nobody of us wrote, `forms` its forms as (action, kind, fields)."""

    def __init__(self, body: str):
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.forms: list[tuple[str, dict[str, tuple[str, str]]]] = []
        self._in_script = False
        self._select = ""
        self.feed(body)
        self.close()
        if "60481729" in body:
            self.wrong.append("a template was evaluated")

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ELEMENTS:
            self.wrong.append(f"element {tag}")
        self.wrong += [f"{tag} {name}" for name in given if name.startswith("on") or name in {"style", "srcdoc"}]
        for name in ("href", "src", "action", "formaction", "data-stream"):
            value = given.get(name)
            if value is not None and (not value.startswith(("/", "#")) or value.startswith("//")):
                self.wrong.append(f"{tag} {name} leads elsewhere")
        if tag == "link" and given.get("href") not in _STYLES:
            self.wrong.append("a link to what is not ours")
        if tag == "meta" and ("http-equiv" in given or given.get("name") not in {None, "viewport"}):
            self.wrong.append("a meta of somebody's")
        if tag == "script" and not str(given.get("src", "")).startswith("/static/"):
            self.wrong.append("an inline script")
        self._in_script = tag == "script"
        self._collect(tag, given)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self._in_script = False

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script and data.strip():
            self.wrong.append("a script with words in it")

    def _collect(self, tag, given):
        if tag == "form" and given.get("method") == "post":
            self.forms.append((given["action"], {}))
            return
        name = given.get("name")
        if not self.forms:
            return
        fields = self.forms[-1][1]
        if tag in {"input", "textarea"} and name:
            fields[name] = (given.get("type", "text"), given.get("value") or "")
        elif tag == "select" and name:
            fields[name] = ("select", "")
            self._select = name
        elif tag == "button" and name:
            fields[name] = ("button", given.get("value") or "")
        elif tag == "option" and self._select in fields and not fields[self._select][1]:
            fields[self._select] = ("select", given.get("value") or "")


def sent_as(fields: dict[str, tuple[str, str]], words: str) -> dict[str, str]:
    """A form as somebody hostile would send it: their words wherever words may stand, the rest as it is offered."""
    deed = fields.get("deed", ("", ""))[1]
    sent = {}
    for name, (kind, value) in fields.items():
        if kind in {"text", "textarea", "search", "password", "email"} or (name == "deed-on" and GRAVE.search(deed)):
            sent[name] = words
        elif kind == "number":
            sent[name] = value or "1"
        elif kind == "date":
            sent[name] = value or "2031-01-01"
        elif kind in {"checkbox", "radio"}:
            sent[name] = "on" if kind == "checkbox" else value
        elif kind != "file":
            sent[name] = value
    return sent
