"""Legal forms by which a company is recognized where a person's name belongs.

A list of one's own on purpose: lists made for cleaning company names (cleanco's, for one) hold forms that are people's names as
well (Da, Ba, Et, As, De Sá, Ho), and here a false alarm costs more than a form that is missed.
"""

from __future__ import annotations

import re

# Whole words, dots left out, in any case; none of them is a name that people bear.
FORMS = frozenset(
    "sarl sasu eurl selarl selas scop gie gaec gmbh mbh gbr ohg kgaa ggmbh ltd limited llc llp plc pllc inc incorporated corp "
    "corporation bvba sprl cvba vzw asbl srl srls sgps lda ltda eireli unipessoal spolka kft zrt nyrt bt. oyj aps asa ehf uab "
    "doo dooel ood eood sro vos spzoo pty pvt bhd sdn pte sagl stichting ооо оао зао пао тоо".split()
)
# Only with their dots, or in capitals at the end behind a name that is not all in capitals: Sa, Ag, As, Spa are words too.
DOTTED = re.compile(
    r"(?i)(?<![\w.])(?:s\.a\.?s?|s\.a\.r\.l|s\.p\.a|s\.n\.c|s\.c\.i|s\.l\.?u?|a\.g|b\.v|n\.v|v\.o\.f|e\.v|a\.s|k\.k|d\.d|sp\. ?z ?o\.? ?o)\.?(?![\w.])"
)
CAPITALS = frozenset("SA SAS SCI SNC SPA SpA AG KG UG SE AB AS OY NV BV SL SLU KK OÜ AE".split())
JOINED = re.compile(
    r"(?i)(?:&|\bet\b|\band\b|\bund\b)\s*(?:cie|co|fils|frères|sons|söhne|partners|associés|company)\b\.?|株式会社|有限会社|有限公司"
)
SPLIT = re.compile(r"[\s,;/()\"«»]+")


def legal_form(name: str) -> bool:
    """Whether a name, as it stands, names a company."""
    words = [word for word in SPLIT.split(name) if word]
    for word in words:
        if word.replace(".", "").casefold() in FORMS and len(words) > 1:
            return True
    if len(words) > 1 and words[-1] in CAPITALS and not " ".join(words[:-1]).isupper():
        return words[-2].casefold() not in ("de", "da", "do", "y")
    return DOTTED.search(name) is not None or JOINED.search(name) is not None
