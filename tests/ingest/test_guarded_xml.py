"""Guarded XML: the fast parser reads what defusedxml reads, and nothing that defusedxml refuses."""

from __future__ import annotations

import codecs
import random
from typing import Any
from xml.etree import ElementTree

import pytest
from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Guarded

from ingest import guarded_xml

DOCUMENT = (
    '<Metrics xmlns:x="urn:x" Id="å &amp; &#229;"><P>tekst</P>hale<x:Q a="1" b=\'2\'/><?do it?></Metrics>'
)  # fmt: skip
BOMB = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><m>&b;</m>'
EXTERNAL = '<!DOCTYPE m [<!ENTITY f SYSTEM "file:///etc/hostname">]><m>&f;</m>'
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "us-ascii", "cp037", "cp1252")


def outcome(read: Any, body: bytes) -> Any:
    """What a parser makes of a body: the document in its one spelling, or the kind of its refusal and where."""
    try:
        return ElementTree.canonicalize(ElementTree.tostring(read(body)))
    except DefusedXmlException:
        return "forbidden"
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        return type(error), getattr(error, "position", None)


def both(body: bytes) -> Any:
    """The outcome, after the two were held against each other."""
    ours = outcome(guarded_xml.fromstring, body)
    assert ours == outcome(lambda text: Guarded.fromstring(text, forbid_dtd=True), body), body
    return ours


@pytest.mark.parametrize("attack", [BOMB, EXTERNAL, "<!DOCTYPE m><m/>", '<!DOCTYPE m SYSTEM "http://127.0.0.1/"><m/>'])
@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="{}"?>'])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_declaration_passes_in_any_encoding(attack: str, declaration: str, encoding: str) -> None:
    """A guard that looks at bytes is passed by whoever writes `<!` in other bytes."""
    named = declaration.format(encoding.removesuffix("-sig"))
    for body in ((named + attack).encode(encoding), named.encode("ascii") + attack.encode(encoding)):
        told = both(body)
        assert told == "forbidden" or isinstance(told, tuple), "refused, or no XML at all"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("start", ["", " \n", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='{}'?>\n"])
def test_harmless_documents_are_read_alike(encoding: str, start: str) -> None:
    """The faster parser must give the same elements, or the same refusal at the same place."""
    text = start.format(encoding.removesuffix("-sig")) + DOCUMENT
    both(text.encode(encoding, "xmlcharrefreplace"))
    both(codecs.BOM_UTF8 + text.encode(encoding, "xmlcharrefreplace"))


def test_damaged_documents_are_read_alike() -> None:
    """Networks cut and flip bytes; what is told of them may not depend on the parser."""
    dice = random.Random("guarded")
    whole = f'<?xml version="1.0" encoding="utf-8"?>{DOCUMENT}<!-- end -->'.encode()
    for _ in range(2000):
        body = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.3 else whole)
        for _ in range(dice.randrange(1, 4)):
            if body:
                body[dice.randrange(len(body))] = dice.choice(b"<>!?&;\"'/=\0\xff\xe5 ax[]")
        both(bytes(body))


def test_plain_documents_take_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What devices really send must not fall back to the slow way unseen."""
    monkeypatch.setattr(Guarded, "fromstring", None)
    for start in ("", '<?xml version="1.0"?>', '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n'):
        assert guarded_xml.fromstring((start + DOCUMENT).encode()).tag == "Metrics"
