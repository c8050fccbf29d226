"""XML from outside, read without entities or document types: the one place that chooses the parser.

What belongs here: bytes to elements, guarded. What does not: what a make's elements mean.

defusedxml sees every declaration, and calls Python for every element to do so. Bytes in which no declaration can stand
need no such watch: where the encoding is certain and `<!` is not among the bytes, the parser of the standard library
(the same expat, building the same elements in C) reads them some three times as fast.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Guarded

from ingest.errors import UnreadableBody

# What an admitted document may begin with. Only encodings in which `<!` is these two bytes and no others: UTF-16 and
# EBCDIC could hide it.
_PLAIN_START = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*
    (?:<\?xml\s+version\s*=\s*["']1\.[0-9]["']
        (?:\s+encoding\s*=\s*["'](?:utf-8|us-ascii|iso-8859-1)["'])?
        (?:\s+standalone\s*=\s*["'](?:yes|no)["'])?
    \s*\?>)?
    \s*<[a-z_]""",
    re.VERBOSE | re.IGNORECASE,
)


def fromstring(body: bytes) -> ElementTree.Element:
    """The root of a document.

    Raises:
        DefusedXmlException: it declares a document type or entities; nothing was expanded.
        ParseError, ValueError, LookupError: it is no XML.
    """
    if b"<!" not in body and b"\0" not in body and _PLAIN_START.match(body):
        return ElementTree.fromstring(body)  # noqa: S314 - no declaration can stand in these bytes
    root: ElementTree.Element = Guarded.fromstring(body, forbid_dtd=True)
    return root


def answer(body: bytes, *, empty: str, forbidden: tuple[str, str], broken: str) -> ElementTree.Element:
    """The root of an answer that should be XML.

    Args:
        empty, broken: what to do about an answer that is empty, or no XML.
        forbidden: what is wrong with one that declares a document type or entities, and what to do about it.

    Raises:
        UnreadableBody: it is none of it, in these words.
    """
    if not body.strip():
        raise UnreadableBody("the answer is empty.", reason="empty", next_action=empty)
    try:
        return fromstring(body)
    except DefusedXmlException:
        raise UnreadableBody(forbidden[0], reason="forbidden_xml", next_action=forbidden[1]) from None
    except (ElementTree.ParseError, ValueError, LookupError):
        raise UnreadableBody("the answer is not whole XML.", reason="not_xml", next_action=broken) from None
