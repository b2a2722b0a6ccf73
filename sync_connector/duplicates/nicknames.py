"""Short forms of first names that are one person's beyond doubt; and names so like that one seems the other mistyped.

What is a name of its own beside the long one (Lea, Theo, Nina, Max, Jean) is no short form here, nor what is short for several
of both sexes (Dom, Alex, Sam): a pair that is not here is simply not found.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_connector.duplicates.fold import name

SHORT_FORMS = """
robert bob bobby rob robbie; william bill billy will willy; richard dick rick ricky; james jim jimmy; john johnny;
edward ed eddie ted; thomas tom tommy; michael mike mick mickey; david dave davey; daniel dan danny; joseph joe joey;
anthony tony; andrew andy drew; steven steve; stephen steve; matthew matt; christopher chris kit; benjamin ben benny;
nicholas nick nicky; gregory greg; kenneth ken kenny; ronald ron ronnie; donald don donnie; timothy tim timmy;
jeffrey jeff; geoffrey geoff; lawrence larry; peter pete; frederick fred freddie; frederic fred; philip phil;
phillip phil; philippe phil; gerald gerry jerry; elizabeth liz lizzie betty eliza; margaret maggie meg peggy;
katherine kate katie kathy; catherine kate cathy; jennifer jenny jen; rebecca becky; susan sue susie; deborah debbie deb;
barbara barb; patricia pat patty trish; victoria vicky; jessica jess jessie; amanda mandy; abigail abby; pamela pam;
theresa terry tess; christine chris chrissie; christophe chris; stephane steph; stephanie steph; emmanuel manu;
emmanuelle manu; sebastien seb; jeanpierre jp; jeanmarc jm; jeanclaude jc; jeanfrancois jf; jeanjacques jj;
jeanmichel jm; friedrich fritz; heinrich heinz; ursula uschi uli; katharina kathi; matthias matze; andreas andi;
michael michi; stefan steff; elisabeth lisi sissi; margarete gretel grete; hans hansi; ulrich uli;
francisco paco pancho curro; jose pepe; dolores lola; concepcion concha conchita; ignacio nacho; manuel manolo manu;
mercedes merche; rosario charo; guadalupe lupe; antonio toni tonho; enrique quique kike; eduardo edu; santiago santi;
josemaria chema; giuseppe beppe peppe pino; francesco ciccio; luigi gigi; giovanni gianni; alessandra sandra;
domenico mimmo; joao joaozinho; francisco chico; fernando nando; malgorzata gosia; katarzyna kasia; jakub kuba;
tomasz tomek; stanislaw staszek; cornelis kees; wilhelmus wim; hendrik henk; pieter piet; gerardus gerard
"""
TWO_PEOPLE = """
martin marvin marlin; alain alban; michael michel; gabriel gabrielle; marion manon; bastien sebastien fabien;
laurent florent; roland ronald; dennis denise; stephan stephen; steffen stefan; marcel marcelle; adrien adrian;
damien damian; bernard bernhard leonard; maurice mauricette; catherine katharine; cristina christina;
johan johann johanna; carmen carmel; darren damen; brandon brendan; kieran kiran; alexis alexia; hassan hussan hussein;
ahmed hamed mohamed; karima karim; salima salim; samira sabira; amina aminata; fatima fatma; monika monica;
tatiana tatjana; helena helene elena; ramon raymon; fernando hernando; mariana mariano; valentin valentina;
marjan marian; elodie melodie; melanie melina; justin justine dustin; corine carine corinne; nadine nadia;
sylvie sylvia sylvain; lucas luca lukas; mathis mathias; rosalie rosaline rosalind
"""


def _entries(text: str) -> Iterator[list[str]]:
    for entry in text.split(";"):
        yield [name(word).compact for word in entry.split()]


_LONG: dict[str, set[str]] = {}
for _long, *_shorts in _entries(SHORT_FORMS):
    for _short in _shorts:
        _LONG.setdefault(_short, set()).add(_long)
_TWINS: dict[str, set[str]] = {}
for _alike in _entries(TWO_PEOPLE):
    for _each in _alike:
        _TWINS.setdefault(_each, set()).update(set(_alike) - {_each})


def one_person(one: str, other: str) -> bool:
    """Whether one of two first names (folded, compact) is a short form of the other, or both are of the same."""
    return one in _LONG.get(other, ()) or other in _LONG.get(one, ()) or bool(_LONG.get(one, set()) & _LONG.get(other, set()))


def two_people(one: str, other: str) -> bool:
    """Whether two first names (folded, compact) are known to be two, however like they are."""
    return other in _TWINS.get(one, ())
