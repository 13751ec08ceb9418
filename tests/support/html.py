"""HTML as a browser would take it apart, as far as tests ask: elements with their attributes, and the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_INLINE = frozenset({"a", "b", "code", "small", "span", "svg", "time", "use"})


@dataclass(frozen=True, slots=True)
class Element:
    """A start tag."""

    tag: str
    attributes: dict[str, str]


class Document(HTMLParser):
    """A page. `text` has neither styles nor scripts, its blanks as single spaces."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._texts: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        self._open.append(tag)
        self._apart(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        self._apart(tag)

    def _apart(self, tag: str) -> None:
        if tag not in _INLINE:
            self._texts.append(" ")

    def handle_data(self, data: str) -> None:
        if not {"script", "style", "title"} & set(self._open):
            self._texts.append(data)

    @property
    def text(self) -> str:
        """What there is to read."""
        return " ".join("".join(self._texts).split())

    def all(self, tag: str) -> list[Element]:
        """The elements of one kind."""
        return [element for element in self.elements if element.tag == tag]

    def links(self) -> list[str]:
        """Where links lead."""
        return [element.attributes["href"] for element in self.all("a") if "href" in element.attributes]


@dataclass(slots=True)
class Fetched:
    """What a page asks for besides itself."""

    addresses: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, document: Document) -> Fetched:
        """By elements that fetch, but not links to follow."""
        found = [
            element.attributes.get(name)
            for element in document.elements
            for name in ("src", "srcset", "data")
        ]
        found += [element.attributes.get("href") for element in document.all("link")]
        return cls([address for address in found if address])
