"""Who the generated contacts are: thirty countries, how numbers are built and written there, names and places.

Every person and every number is invented: names are drawn from lists, digits from a formula. A number may still be
somebody's, so nothing made from this is ever sent anywhere but to a sandbox.
"""

from __future__ import annotations

from typing import NamedTuple


class Numbers(NamedTuple):
    """National significant numbers: one of the prefixes, then free digits up to `length`; `groups` is how people space
    them. That every filling of the free digits is valid is checked at start-up, against the phonenumbers library."""

    prefixes: tuple[str, ...]
    length: int
    groups: tuple[int, ...]


class Country(NamedTuple):
    """`weight` is in rows of a thousand. `trunk` is what is dialled before a national number inside the country."""

    code: str
    weight: int
    prefix: str
    trunk: str
    mobile: Numbers
    landline: Numbers | None
    spellings: tuple[str, ...]
    people: str
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]


def _numbers(prefixes: str, length: int, *groups: int) -> Numbers:
    return Numbers(tuple(prefixes.split()), length, groups)


def _cities(text: str) -> tuple[tuple[str, str], ...]:
    """`75011|Paris; …`: postal code and city."""
    return tuple((code.strip(), city.strip()) for code, _, city in (entry.partition("|") for entry in text.split(";")))


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(";"))


_RUES = _list("rue de la République; avenue Jean Jaurès; place du Marché; rue Victor Hugo; chemin des Vignes; impasse des Lilas; "
              "boulevard Voltaire; allée des Tilleuls; quai de la Fosse; rue de l'Église")  # fmt: skip
_STRASSEN = _list("Hauptstraße; Bahnhofstraße; Gartenweg; Schillerstraße; Am Mühlbach; Lindenallee; Kirchgasse")
_CALLES = _list("Calle Mayor; Avenida de la Constitución; Calle del Olmo; Paseo Marítimo; Plaza de España")
_VIE = _list("Via Roma; Via Garibaldi; Corso Italia; Piazza Duomo; Viale dei Mille")
_RUAS = _list("Rua Augusta; Avenida da Liberdade; Rua do Carmo; Travessa da Água; Largo do Chiado")
_STREETS = _list("High Street; Station Road; Church Lane; Mill Road; Park Avenue; Victoria Terrace; Elm Street")
_STRATEN = _list("Dorpsstraat; Kerkstraat; Molenweg; Stationsplein; Prinsengracht")
_NORTH = _list("Storgatan; Kirkegata; Skolevej; Mannerheimintie; Parkveien")
_EAST = _list("ul. Kwiatowa; ul. Długa; Náměstí Míru; Strada Florilor; Odos Ermou")
_FAR = _list("Sakura-dori; Chuo 1-chome; MG Road; Nehru Marg; Lake View Road")

COUNTRIES: tuple[Country, ...] = (
    Country("FR", 600, "33", "0", _numbers("60 61 62 64 65 66 67 68 73 74 75 76 77 78", 9, 1, 2, 2, 2, 2),
            _numbers("1 20 21 23 24 3 41 42 43 44", 9, 1, 2, 2, 2, 2), _list("FR; France; FRANCE; France; fr; FRA"), "fr", _RUES,
            _cities("75011|Paris; 69003|Lyon; 13006|Marseille; 44000|Nantes; 31000|Toulouse; 33000|Bordeaux; 59800|Lille; "
                    "67000|Strasbourg; 35000|Rennes; 34000|Montpellier; 06000|Nice; 21000|Dijon; 29200|Brest; 38000|Grenoble; "
                    "49100|Angers; 97400|Saint-Denis; 42000|Saint-Étienne; 76600|Le Havre")),
    Country("BE", 40, "32", "0", _numbers("47 48 49", 9, 3, 2, 2, 2), _numbers("22 23 24 25 26", 8, 1, 3, 2, 2),
            _list("BE; Belgique; België; Belgium"), "be", _RUES + _STRATEN,
            _cities("1000|Bruxelles; 4000|Liège; 5000|Namur; 2000|Antwerpen; 9000|Gent")),
    Country("CH", 35, "41", "0", _numbers("76 77 78 79", 9, 2, 3, 2, 2), _numbers("21 22 31 43 44 52", 9, 2, 3, 2, 2),
            _list("CH; Suisse; Schweiz; Svizzera; Switzerland"), "ch", _RUES + _STRASSEN,
            _cities("1201|Genève; 1003|Lausanne; 8001|Zürich; 3011|Bern; 6900|Lugano")),
    Country("DE", 35, "49", "0", _numbers("151 152 157 159 160 162 163", 11, 3, 4, 4), _numbers("30 40", 10, 2, 4, 4),
            _list("DE; Deutschland; Allemagne; Germany"), "de", _STRASSEN,
            _cities("10115|Berlin; 80331|München; 50667|Köln; 20095|Hamburg; 01067|Dresden")),
    Country("ES", 30, "34", "", _numbers("6 71 72 73", 9, 3, 2, 2, 2), _numbers("91 93 95 96", 9, 2, 3, 2, 2),
            _list("ES; España; Espagne; Spain"), "es", _CALLES,
            _cities("28004|Madrid; 08001|Barcelona; 41001|Sevilla; 46002|València; 29005|Málaga")),
    Country("IT", 28, "39", "", _numbers("32 33 34 35 36 37 38", 10, 3, 3, 4), _numbers("02 06 011", 10, 2, 4, 4),
            _list("IT; Italia; Italie; Italy"), "it", _VIE,
            _cities("00184|Roma; 20121|Milano; 10121|Torino; 80132|Napoli; 50122|Firenze")),
    Country("PT", 25, "351", "", _numbers("91 92 93 96", 9, 3, 3, 3), _numbers("21 22 231 234 239", 9, 3, 3, 3),
            _list("PT; Portugal; PORTUGAL"), "pt", _RUAS, _cities("1100-148|Lisboa; 4000-322|Porto; 3000-213|Coimbra")),
    Country("GB", 28, "44", "0", _numbers("740 741 742 743 751 753 71 72", 10, 4, 6), _numbers("161 151 141", 10, 3, 3, 4),
            _list("GB; United Kingdom; UK; Royaume-Uni; England"), "gb", _STREETS,
            _cities("SW1A 1AA|London; M1 1AE|Manchester; G1 1AA|Glasgow; L1 0AA|Liverpool; BS1 4DJ|Bristol")),
    Country("IE", 8, "353", "0", _numbers("83 85 86 87 89", 9, 2, 3, 4), _numbers("22 24 25 26", 7, 2, 5),
            _list("IE; Ireland; Irlande"), "gb", _STREETS, _cities("D02 X285|Dublin; T12 XN52|Cork; H91 K5YH|Galway")),
    Country("NL", 14, "31", "0", _numbers("61 62 63 64 65", 9, 1, 4, 4), _numbers("10 20 30 70", 9, 2, 3, 4),
            _list("NL; Nederland; Pays-Bas; Netherlands"), "nl", _STRATEN,
            _cities("1012 AB|Amsterdam; 3011 AA|Rotterdam; 3511 AB|Utrecht")),
    Country("LU", 10, "352", "", _numbers("621 661 691", 9, 3, 3, 3), _numbers("26 27", 8, 2, 2, 2, 2),
            _list("LU; Luxembourg; Luxemburg"), "be", _RUES + _STRASSEN, _cities("1111|Luxembourg; 4001|Esch-sur-Alzette")),
    Country("PL", 12, "48", "", _numbers("50 51 53 60 66 69 72 78", 9, 3, 3, 3), _numbers("12 22 61 71", 9, 2, 3, 2, 2),
            _list("PL; Polska; Pologne; Poland"), "pl", _EAST, _cities("00-001|Warszawa; 30-001|Kraków; 80-001|Gdańsk")),
    Country("RO", 10, "40", "0", _numbers("72 73 74 75 76", 9, 3, 3, 3), _numbers("21 31", 9, 2, 3, 4),
            _list("RO; România; Roumanie; Romania"), "ro", _EAST, _cities("010011|București; 400001|Cluj-Napoca; 700001|Iași")),
    Country("GR", 6, "30", "", _numbers("69", 10, 3, 3, 4), _numbers("21 231", 10, 3, 3, 4),
            _list("GR; Grèce; Greece; Griechenland"), "gr", _EAST, _cities("105 57|Athina; 546 22|Thessaloniki")),
    Country("CZ", 5, "420", "", _numbers("601 602 603 604 72 73 77", 9, 3, 3, 3), _numbers("2", 9, 3, 3, 3),
            _list("CZ; Česko; Tchéquie; Czech Republic"), "cz", _EAST, _cities("110 00|Praha; 602 00|Brno")),
    Country("AT", 6, "43", "0", _numbers("66 67 68", 9, 3, 6), _numbers("12 13 15 16 17", 10, 1, 3, 3, 3),
            _list("AT; Österreich; Autriche; Austria"), "de", _STRASSEN, _cities("1010|Wien; 5020|Salzburg; 8010|Graz")),
    Country("SE", 5, "46", "0", _numbers("70 72 73 76", 9, 2, 3, 2, 2), _numbers("31 40", 8, 2, 2, 2, 2),
            _list("SE; Sverige; Suède; Sweden"), "north", _NORTH, _cities("111 20|Stockholm; 411 05|Göteborg")),
    Country("DK", 5, "45", "", _numbers("342 344 345 346 347 348 349 356", 8, 2, 2, 2, 2), None,
            _list("DK; Danmark; Danemark; Denmark"), "north", _NORTH, _cities("1050|København; 8000|Aarhus")),
    Country("NO", 5, "47", "", _numbers("40 41 46 47 48 9", 8, 3, 2, 3), _numbers("21 22 23 55", 8, 2, 2, 2, 2),
            _list("NO; Norge; Norvège; Norway"), "north", _NORTH, _cities("0150|Oslo; 5003|Bergen")),
    Country("FI", 4, "358", "0", _numbers("40 41 44 45 50", 9, 2, 3, 4), _numbers("2 3", 9, 1, 4, 4),
            _list("FI; Suomi; Finlande; Finland"), "north", _NORTH, _cities("00100|Helsinki; 33100|Tampere")),
    Country("MA", 20, "212", "0", _numbers("60 61 62 65 66 67 70 76", 9, 1, 2, 2, 2, 2),
            _numbers("522 537 520", 9, 1, 2, 2, 2, 2),
            _list("MA; Maroc; Morocco"), "maghreb", _RUES, _cities("20000|Casablanca; 10000|Rabat; 40000|Marrakech")),
    Country("TN", 12, "216", "", _numbers("2 5 9", 8, 2, 3, 3), _numbers("7", 8, 2, 3, 3),
            _list("TN; Tunisie; Tunisia"), "maghreb", _RUES, _cities("1000|Tunis; 3000|Sfax; 4000|Sousse")),
    Country("DZ", 12, "213", "0", _numbers("55 560 561 6 77", 9, 1, 2, 2, 2, 2), _numbers("2 3 41", 8, 2, 2, 2, 2),
            _list("DZ; Algérie; Algeria"), "maghreb", _RUES, _cities("16000|Alger; 31000|Oran; 25000|Constantine")),
    Country("SN", 8, "221", "", _numbers("70 76 77 78", 9, 2, 3, 2, 2), _numbers("338 339", 9, 2, 3, 2, 2),
            _list("SN; Sénégal; Senegal"), "west", _RUES, _cities("11500|Dakar; 21000|Thiès; 32000|Saint-Louis")),
    Country("CI", 8, "225", "", _numbers("01 05 07", 10, 2, 2, 2, 2, 2), _numbers("21 25", 10, 2, 2, 2, 2, 2),
            _list("CI; Côte d'Ivoire; Ivory Coast"), "west", _RUES, _cities("|Abidjan; |Bouaké; |Yamoussoukro")),
    Country("CA", 10, "1", "", _numbers("5142 5143 5145 4162 4164", 10, 3, 3, 4), _numbers("5062 5063 5064", 10, 3, 3, 4),
            _list("CA; Canada; CANADA"), "gb", _STREETS + _RUES, _cities("H2X 1Y4|Montréal; M5V 2T6|Toronto; G1R 4P5|Québec")),
    Country("US", 10, "1", "", _numbers("2012 2013 2122 2123 4152", 10, 3, 3, 4), _numbers("2022 2023 3122", 10, 3, 3, 4),
            _list("US; United States; USA; États-Unis"), "gb", _STREETS,
            _cities("10011|New York; 94103|San Francisco; 60605|Chicago; 02108|Boston")),
    Country("RE", 5, "262", "0", _numbers("692", 9, 3, 2, 2, 2), _numbers("262", 9, 3, 2, 2, 2),
            _list("RE; La Réunion; Réunion"), "fr", _RUES, _cities("97400|Saint-Denis; 97410|Saint-Pierre; 97434|Saint-Paul")),
    Country("JP", 3, "81", "0", _numbers("80 902 903 905 908", 10, 2, 4, 4), _numbers("31 33 35", 9, 1, 4, 4),
            _list("JP; 日本; Japon; Japan"), "jp", _FAR, _cities("150-0001|東京都渋谷区; 530-0001|大阪市北区; 604-8001|京都市")),
    Country("IN", 1, "91", "0", _numbers("9 70 73 89", 10, 5, 5), None,
            _list("IN; India; Inde"), "in", _FAR, _cities("110001|New Delhi; 400001|Mumbai; 600001|Chennai")),
)  # fmt: skip

_FR_FIRST = (
    "Camille; Lucas; Léa; Hugo; Chloé; Théo; Manon; Nathan; Inès; Louis; Jade; Gabriel; Zoé; Raphaël; Éloïse; Jules; Anaïs; "
    "Maël; Jean-Pierre; Marie-Claude; François; Hélène; Benoît; Aurélie; Stéphane; Noémie; Cédric; Maëlys; Gaël; Solène; Yann; "
    "Agnès; Rémi; Céline; Loïc; Mélanie; Étienne; Mathilde; Didier; Brigitte"
)
_FR_LAST = (
    "Martin; Bernard; Dubois; Thomas; Robert; Richard; Petit; Durand; Leroy; Moreau; Simon; Laurent; Lefèvre; Michel; Garcia; "
    "David; Bertrand; Roux; Vincent; Fournier; Morel; Girard; André; Mercier; Dupont; Lambert; Bonnet; François; Martinez; "
    "Legrand; Garnier; Faure; Rousseau; Blanc; Guérin; Müller; Henry; Roussel; Nicolas; Perrin; Le Goff; D'Angelo; "
    "de La Tour; Lévêque; Hébert; Nguyen; Benali; Da Silva; Dos Santos; Kowalski; N'Diaye; Cœuret; Saint-Martin; L'Hermite"
)
_DE_FIRST = "Anna; Lukas; Mia; Jürgen; Günther; Käthe; Björn; Sabine; Wolfgang; Ursula; Jörg; Heike"

_GIVEN_AND_FAMILY = {
    "fr": (_FR_FIRST, _FR_LAST),
    "be": (_FR_FIRST, "Peeters; Janssens; Maes; Jacobs; Lambert; Dupont; Van den Broeck; De Smet; Claes; Goossens; Wauters"),
    "ch": (_FR_FIRST + "; " + _DE_FIRST, "Favre; Rochat; Bianchi; Meier; Keller; Huber; Zbinden; Chappuis; Bürki; Frei"),
    "de": (_DE_FIRST, "Müller; Schmidt; Schneider; Fischer; Weiß; Schäfer; Köhler; Groß; Krüger; von Stein; Bäcker; Jäger"),
    "es": (
        "María José; Antonio; Íñigo; Lucía; Ángel; Begoña; Jesús; Pilar; Nuño; Ramón",
        "García López; Fernández; Martínez Ruiz; Núñez; Ibáñez; Peña; Muñoz; Sánchez; Ortega y Gasset; Domínguez",
    ),
    "it": (
        "Giulia; Marco; Niccolò; Chiara; Francesco; Alessandra; Matteo; Sofia",
        "Rossi; Russo; Ferrari; Esposito; Bianchi; D'Amico; De Luca; Lo Cascio; Colombo; Ricci",
    ),
    "pt": (
        "João; Maria; Inês; António; Conceição; Gonçalo; Luís; Fátima; Simão",
        "Silva; Santos; Ferreira; Gonçalves; Araújo; Magalhães; Fernandes; Conceição; Assunção",
    ),
    "gb": (
        "Oliver; Amelia; George; Isla; Harry; Ava; Siobhán; Seán; Niamh; Pádraig; Zoë; Emily; James",
        "Smith; Jones; O'Brien; Taylor; Brown; McCarthy; Ó Súilleabháin; Wilson; Fitzgerald; Evans; Walker; Smith-Jones",
    ),
    "nl": (
        "Daan; Sanne; Jeroen; Fleur; Joost; Maaike; Coen",
        "de Vries; van der Berg; 't Hooft; Bakker; Janssen; Visser; IJzerman",
    ),
    "pl": (
        "Łukasz; Małgorzata; Paweł; Zofia; Wojciech; Agnieszka; Michał",
        "Nowak; Wiśniewski; Wójcik; Kowalczyk; Zieliński; Dąbrowska; Szymańska",
    ),
    "ro": ("Ștefan; Ioana; Mihai; Ana; Răzvan; Cătălina", "Popescu; Ionescu; Țepeș; Dumitrescu; Stănescu; Bălan"),
    "gr": ("Γιώργος; Maria; Νίκος; Eleni; Κωνσταντίνος; Dimitra", "Παπαδόπουλος; Georgiou; Αντωνίου; Nikolaidis; Βλάχος"),
    "cz": ("Jiří; Zdeňka; Ondřej; Kateřina; Tomáš", "Novák; Dvořáková; Svoboda; Říha; Žižka"),
    "north": (
        "Åse; Björn; Søren; Maja; Päivi; Lars; Ingrid",
        "Andersson; Sørensen; Mäkinen; Østby; Lindström; Hansen; Åkesson",
    ),
    "maghreb": (
        "Mohamed; Fatima Zahra; Youssef; Khadija; Amine; Nour El Houda; Rachid; Leïla; Karim; Soumaya",
        "El Amrani; Benali; Ben Youssef; Bouazizi; Haddad; Aït Ali; Trabelsi; Cherif; Belkacem; Oulhadj",
    ),
    "west": (
        "Aminata; Ousmane; Fatou; Cheikh; Awa; Kouadio; Adjoua; Mamadou",
        "Diop; N'Diaye; Sow; Fall; Kouassi; Koné; Traoré; N'Guessan; Ba",
    ),
    "jp": ("太郎; 花子; 健一; さくら; 翔太; 美咲", "佐藤; 鈴木; 高橋; 田中; 渡辺; 伊藤"),
    "in": ("Aarav; Priya; Rohan; Ananya; Vikram", "Sharma; Patel; Reddy; Iyer; Singh"),
}
NAMES = {people: (_list(given), _list(family)) for people, (given, family) in _GIVEN_AND_FAMILY.items()}
