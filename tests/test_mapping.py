"""Mappings: every shipped one, recognition by real header rows, and what is wrong with a mapping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sync_connector import mapping as mappings
from sync_connector.cli import cli
from sync_connector.errors import FixSetup
from sync_connector.mapping import Binding, fold
from sync_connector.recognition import recognize, resembled

HEADERS = {
    "hubspot EN": (
        "hubspot",
        "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner,Lead Status,"
        "Create Date,Street Address,City,State/Region,Postal Code,Country/Region,Last Modified Date,"
        "Associated Company",
    ),
    "hubspot EN, newer": (
        "hubspot",
        "Record ID,First name,Last name,Email,Phone Number,Lead Status,Create Date",
    ),
    "hubspot FR": (
        "hubspot",
        "ID de fiche d'informations,Prénom,Nom,Adresse e-mail,Numéro de téléphone,Numéro de téléphone mobile,Ville,Pays/région",
    ),
    "hubspot internal": (
        "hubspot",
        "hs_object_id,firstname,lastname,email,phone,mobilephone,address,city,zip,country,createdate,"
        "lastmodifieddate,hs_lead_status",
    ),
    "salesforce Data Loader": (
        "salesforce",
        "ID,ISDELETED,MASTERRECORDID,ACCOUNTID,LASTNAME,FIRSTNAME,SALUTATION,NAME,MAILINGSTREET,MAILINGCITY,"
        "MAILINGPOSTALCODE,MAILINGCOUNTRY,PHONE,MOBILEPHONE,HOMEPHONE,EMAIL,SYSTEMMODSTAMP",
    ),
    "salesforce weekly export": (
        "salesforce",
        "Id,IsDeleted,MasterRecordId,AccountId,LastName,FirstName,MailingStreet,MailingCity,"
        "MailingPostalCode,MailingCountry,Phone,MobilePhone,Email,SystemModstamp",
    ),
    "salesforce report": (
        "salesforce",
        "Contact ID,First Name,Last Name,Mailing Street,Mailing City,Mailing Zip/Postal Code,Mailing Country,"
        "Phone,Mobile,Email,Account Name",
    ),
    "google old": (
        "google",
        "Name,Given Name,Additional Name,Family Name,Yomi Name,Given Name Yomi,Name Prefix,Name Suffix,"
        "Nickname,Birthday,Notes,Group Membership,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,"
        "Phone 1 - Value,Phone 2 - Type,Phone 2 - Value,Address 1 - Type,Address 1 - Formatted,"
        "Address 1 - Street,Address 1 - City,Address 1 - Postal Code,Address 1 - Country,"
        "Organization 1 - Name",
    ),
    "google new": (
        "google",
        "First Name,Middle Name,Last Name,Phonetic First Name,Name Prefix,Nickname,File As,Organization Name,"
        "Organization Title,Birthday,Notes,Photo,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,"
        "Phone 1 - Value,Address 1 - Label,Address 1 - Street,Address 1 - City,Address 1 - Postal Code,"
        "Address 1 - Country",
    ),
    "outlook EN": (
        "outlook",
        "Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Street,"
        "Business City,Business Postal Code,Business Country/Region,Home Street,Home City,Assistant's Phone,"
        "Business Fax,Business Phone,Business Phone 2,Callback,Car Phone,Company Main Phone,Home Phone,"
        "Home Phone 2,Mobile Phone,Other Phone,Pager,Primary Phone,Radio Phone,E-mail Address,E-mail Type,"
        "E-mail Display Name,E-mail 2 Address",
    ),
    "outlook FR": (
        "outlook",
        "Titre,Prénom,Deuxième prénom,Nom,Suffixe,Société,Service,Profession,Rue (bureau),Ville (bureau),"
        "Code postal (bureau),Pays/Région (bureau),Rue (domicile),Téléphone (bureau),Téléphone 2 (bureau),"
        "Téléphone (domicile),Tél. mobile,Téléphone (autre),Téléphone principal,Adresse de messagerie,"
        "Adresse de messagerie 2",
    ),
    "salesforce report FR": (
        "salesforce",
        "ID du contact,Prénom,Nom,Nom du compte,Rue (adresse postale),Ville (adresse postale),Code postal (adresse postale),"
        "Pays (adresse postale),Téléphone,Mobile,E-mail,Ne pas appeler",
    ),
    "salesforce lead, Data Loader": (
        "salesforce_lead",
        "ID,ISDELETED,MASTERRECORDID,LASTNAME,FIRSTNAME,SALUTATION,NAME,TITLE,COMPANY,STREET,CITY,STATE,POSTALCODE,COUNTRY,"
        "PHONE,MOBILEPHONE,FAX,EMAIL,DONOTCALL,ISCONVERTED,CONVERTEDCONTACTID,SYSTEMMODSTAMP",
    ),
    "salesforce lead, report": (
        "salesforce_lead",
        "Lead ID,First Name,Last Name,Company / Account,Email,Phone,Mobile,Street,City,Zip/Postal Code,Country,Lead Source,"
        "Lead Status,Converted",
    ),
    "hubspot DE": (
        "hubspot",
        "Datensatz-ID,Vorname,Nachname,E-Mail,Telefonnummer,Mobiltelefonnummer,Zuständiger Mitarbeiter für Kontakt,Lead-Status,"
        "Straße und Hausnummer,Postleitzahl,Stadt,Land/Region",
    ),
    "hubspot ES": (
        "hubspot",
        "ID de registro,Nombre,Apellidos,Correo,Número de teléfono,Número de teléfono móvil,Propietario del contacto,"
        "Estado del lead,Dirección,Código postal,Ciudad,País/región",
    ),
    "pipedrive EN": (
        "pipedrive",
        "Person - ID,Person - Name,Person - First name,Person - Last name,Person - Organization,Person - Email - Work,"
        "Person - Email - Home,Person - Phone - Work,Person - Phone - Mobile,Person - Labels,Person - Owner,"
        "Person - Person created,Person - Update time,Person - Country of Postal address,Person - Marketing status",
    ),
    "pipedrive FR": (
        "pipedrive",
        "Personne - ID,Personne - Nom,Personne - Prénom,Personne - Nom de famille,Personne - Organisation,"
        "Personne - E-mail - Travail,Personne - Téléphone - Travail,Personne - Téléphone - Mobile,Personne - Propriétaire",
    ),
    "zoho": (
        "zoho",
        "Record Id,Contact Owner,Salutation,First Name,Last Name,Account Name,Vendor Name,Lead Source,Title,Department,"
        "Date of Birth,Reports To,Email Opt Out,Skype ID,Phone,Mobile,Home Phone,Other Phone,Fax,Email,Secondary Email,"
        "Assistant,Asst Phone,Mailing Street,Mailing City,Mailing State,Mailing Zip,Mailing Country,Description,Created Time,"
        "Modified Time",
    ),
    "zoho API names": (
        "zoho",
        "id,Contact_Owner,First_Name,Last_Name,Email_Opt_Out,Phone,Mobile,Home_Phone,Email,Mailing_Street,Mailing_Zip,"
        "Mailing_City,Mailing_Country,Modified_Time",
    ),
    "dynamics": (
        "dynamics",
        "(Do Not Modify) Contact,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On, Full Name,First Name,Last Name,"
        "Company Name,Email,Business Phone,Mobile Phone,Home Phone,Telephone 3,Address 1: Street 1,Address 1: City,"
        "Address 1: ZIP/Postal Code,Address 1: Country/Region,Status,Do not allow Phone Calls",
    ),
    "dynamics logical names": (
        "dynamics",
        "contactid,modifiedon,firstname,lastname,fullname,telephone1,mobilephone,telephone2,emailaddress1,address1_line1,"
        "address1_city,address1_postalcode,address1_country,statecode,donotphone",
    ),
    "thunderbird EN": (
        "thunderbird",
        "First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email,Screen Name,Work Phone,Home Phone,Fax Number,"
        "Pager Number,Mobile Number,Home Address,Home Address 2,Home City,Home State,Home ZipCode,Home Country,Work Address,"
        "Work Address 2,Work City,Work State,Work ZipCode,Work Country,Job Title,Department,Organization,Web Page 1,Notes,",
    ),
    "thunderbird FR": (
        "thunderbird",
        "Prénom,Nom de famille,Nom à afficher,Surnom,Adresse électronique principale,Adresse électronique secondaire,"
        "Nom de l’écran,Tél. professionnel,Tél. personnel,Fax,Pager,Portable,Adresse privée,Adresse privée 2,Ville,Pays/État,"
        "Code postal,Pays/Région (domicile),Adresse professionnelle,Adresse professionnelle 2,Ville (2),Pays/État (2),"
        "Code postal (2),Pays/Région (bureau),Profession,Service,Société,Notes,",
    ),
    "thunderbird FR, older": (
        "thunderbird",
        "Prénom,Nom,Nom à afficher,Surnom,Adresse électronique principale,Adresse électronique secondaire,Tél. professionnel,"
        "Portable,Fax,Pager,Adresse privée",
    ),
    "brevo EN": (
        "brevo",
        "CONTACT ID,EMAIL,LASTNAME,FIRSTNAME,WHATSAPP,SMS,DOUBLE_OPT-IN,OPT_IN,LANDLINE_NUMBER,EXT_ID,CONTACT_TIMEZONE,"
        "JOB_TITLE,LINKEDIN,ADDED_TIME,MODIFIED_TIME",
    ),
    "brevo FR": (
        "brevo",
        "CONTACT ID,EMAIL,NOM,PRENOM,SMS,ADDED_TIME,MODIFIED_TIME",
    ),
    "freshsales": (
        "freshsales",
        "Id,First name,Last name,Emails,Work,Mobile,Address,City,State,Zipcode,Country,External ID,Sales owner,Updated at",
    ),
    "freshsales API names": (
        "freshsales",
        "id,first_name,last_name,mobile_number,work_number,email,address,city,zipcode,country,external_id,updated_at,is_deleted",
    ),
    "generic FR, Sellsy and Axonaut": (
        "generic",
        "N° client,Civilité,Prénom,Nom,Raison sociale,Adresse e-mail,Tél. fixe,Tél. portable,Adresse,CP,Ville,Pays,Code pays",
    ),
    "vcard": (
        "vcard",
        "UID,FN,Family Name,Given Name,Additional Names,Prefix,Suffix,Nickname,Organization,Title,TEL 1 - Type,TEL 1 - Value,"
        "EMAIL 1 - Value,ADR 1 - Street,ADR 1 - City,ADR 1 - Region,ADR 1 - Postal Code,ADR 1 - Country,REV,Kind",
    ),
    "generic EN": (
        "generic",
        "id,first name,last name,email,phone,mobile,address,city,country",
    ),
    "generic FR": (
        "generic",
        "Identifiant,Prénom,Nom,Courriel,Téléphone,Portable,Adresse,Code postal,Ville,Pays",
    ),
    "generic DE": (
        "generic",
        "Kundennummer,Vorname,Nachname,E-Mail,Telefon,Handy,Straße,PLZ,Ort,Land",
    ),
    "hubspot tap": (
        "hubspot",
        "id,properties.firstname,properties.lastname,properties.email,properties.phone,properties.mobilephone,"
        "properties.address,properties.zip,properties.city,properties.country,properties.hs_country_region_code,"
        "properties.hs_object_id,createdAt,updatedAt,archived",
    ),
    "hubspot tap, flat": (
        "hubspot",
        "id,property_firstname,property_lastname,property_email,property_phone,property_mobilephone,property_address,"
        "property_zip,property_city,property_country,property_lastmodifieddate,archived,updatedAt",
    ),
    "hubspot tap, older": (
        "hubspot",
        "vid,canonical-vid,portal-id,is-contact,property_firstname.value,property_lastname.value,property_email.value,"
        "property_phone.value,property_mobilephone.value,property_zip.value,property_lastmodifieddate.value",
    ),
    "pipedrive tap": (
        "pipedrive",
        "id,owner_id,org_id,name,first_name,last_name,open_deals_count,email_messages_count,undone_activities_count,is_deleted,"
        "phones.1.value,phones.1.primary,phones.1.label,im.1.value,emails.1.value,emails.1.primary,emails.1.label,update_time,"
        "add_time,postal_address.value,postal_address.country,postal_address.postal_code,job_title",
    ),
    "pipedrive tap, older API": (
        "pipedrive",
        "id,company_id,name,first_name,last_name,active_flag,phone.1.label,phone.1.value,phone.1.primary,phone.2.label,"
        "phone.2.value,email.1.value,email.1.label,update_time,org_name,postal_address,postal_address_country",
    ),
    "salesforce tap": (
        "salesforce",
        "Id,IsDeleted,MasterRecordId,AccountId,LastName,FirstName,Name,MailingStreet,MailingCity,MailingPostalCode,"
        "MailingCountry,MailingCountryCode,Phone,MobilePhone,Email,DoNotCall,SystemModstamp",
    ),
    "salesforce tap, leads": (
        "salesforce_lead",
        "Id,IsDeleted,MasterRecordId,LastName,FirstName,Name,Company,Street,City,State,PostalCode,Country,Phone,MobilePhone,"
        "Email,LeadSource,Status,IsConverted,SystemModstamp,DoNotCall",
    ),
    "plain list": (
        "simple",
        "First Name,Last Name,Phone,Email",
    ),
    "plain list FR": (
        "simple",
        "Prénom,Nom,Société,Téléphone mobile,E-mail,Code postal,Ville",
    ),
    "hubspot, a view of five columns": (
        "hubspot",
        "Record ID,First Name,Last Name,Email,Phone Number",
    ),
    "outlook, a few columns": (
        "outlook",
        "First Name,Last Name,E-mail Address,Mobile Phone",
    ),
    "salesforce report, with columns of one's own": (
        "salesforce",
        "Contact ID,Salutation,First Name,Last Name,Account Name,Phone,Email,VIP,Segment",
    ),
    "generic snake": (
        "generic",
        "id,first_name,last_name,email,phone_number,country_code,updated_at",
    ),
}


def _bound(name: str, headers: str) -> Binding:
    return mappings.bind(mappings.load(name), headers.split(","))


def test_the_mappings_of_the_contract_are_shipped() -> None:
    """The five that were promised are there."""
    assert {"generic", "google", "hubspot", "outlook", "salesforce"} <= set(mappings.names())


@pytest.mark.parametrize("name", mappings.names())
def test_every_shipped_mapping_loads(name: str) -> None:
    """It names its CRM, and reads the table of its own first aliases whole."""
    mapping = mappings.load(name)
    assert mapping.crm
    assert mapping.title
    columns = [column for role in dict(mapping.columns).values() for column in role]
    headers = list(dict.fromkeys(alias.rstrip("*") for alias in (column[0] for column in columns)))
    if mapping.phones is not None:
        headers.append(mapping.phones.value[0].replace("{n}", "1"))
    binding = mappings.bind(mapping, headers)
    assert set(binding.used) <= set(headers)
    assert binding.key
    assert binding.phone


@pytest.mark.parametrize("name", mappings.names())
def test_no_alias_is_listed_twice_in_one_role(name: str) -> None:
    """An alias that stands in two columns of one role would never be found in the second."""
    for role, columns in dict(mappings.load(name).columns).items():
        folded = [fold(alias) for column in columns for alias in set(map(fold, column))]
        assert len(folded) == len(set(folded)), role


@pytest.mark.parametrize(("name", "headers"), HEADERS.values(), ids=HEADERS.keys())
def test_real_headers_are_recognized(name: str, headers: str) -> None:
    """The right mapping comes first, says why, and finds names, e-mail and phone."""
    best = recognize(headers.split(","))[0]
    assert best.name == name
    assert "headers are known" in best.why
    assert best.sure in ("certain", "likely")
    assert best.why.endswith(f" ({best.sure})")
    binding = _bound(name, headers)
    assert binding.first_name
    assert binding.last_name
    assert binding.email
    assert binding.phone


@pytest.mark.parametrize(("name", "headers"), HEADERS.values(), ids=HEADERS.keys())
def test_upper_and_lower_case_bom_and_odd_blanks_do_not_matter(name: str, headers: str) -> None:
    """Headers are compared folded, and bound under the name that they really have."""
    odd = ["\ufeff" + header.swapcase().replace(" ", "\u00a0") + " " for header in headers.split(",")]
    binding = mappings.bind(mappings.load(name), odd)
    plain = _bound(name, headers)
    assert [column.value for column in binding.phone] == [odd[headers.split(",").index(column.value)] for column in plain.phone]
    assert len(binding.used) == len(plain.used)


def test_mobiles_come_first() -> None:
    """The order of phones is the mapping's, not the file's."""
    assert [column.value for column in _bound(*HEADERS["hubspot EN"]).phone] == ["Mobile Phone Number", "Phone Number"]
    assert _bound(*HEADERS["salesforce Data Loader"]).phone[0].value == "MOBILEPHONE"
    assert _bound(*HEADERS["outlook FR"]).phone[0].value == "Tél. mobile"
    assert _bound(*HEADERS["generic FR"]).phone[0].value == "Portable"


def test_google_phones_are_found_with_their_labels() -> None:
    """As many numbered pairs as there are, in order of number, in either layout."""
    old = _bound(*HEADERS["google old"]).phone
    assert [(column.value, column.label) for column in old] == [
        ("Phone 1 - Value", "Phone 1 - Type"),
        ("Phone 2 - Value", "Phone 2 - Type"),
    ]
    new = _bound("google", "First Name,Phone 10 - Value,Phone 2 - Value,Phone 2 - Label").phone
    assert [(column.value, column.label) for column in new] == [
        ("Phone 2 - Value", "Phone 2 - Label"),
        ("Phone 10 - Value", None),
    ]


def test_pipedrive_phones_are_found_with_their_labels_in_either_api() -> None:
    """A tap writes `phone` or `phones`, a number and its label for each place; an export's own columns are read as ever."""
    old = _bound(*HEADERS["pipedrive tap, older API"])
    assert [(column.value, column.label) for column in old.phone] == [
        ("phone.1.value", "phone.1.label"),
        ("phone.2.value", "phone.2.label"),
    ]
    assert old.country == ("postal_address_country",)
    new = _bound(*HEADERS["pipedrive tap"])
    assert [(column.value, column.label) for column in new.phone] == [("phones.1.value", "phones.1.label")]
    assert new.adress == ("postal_address.value",)
    assert new.email == ("emails.1.value",)
    assert [(header, reason) for header, _, reason in new.deleted] == [("is_deleted", "deleted")]


def test_a_taps_key_is_the_one_that_its_tombstones_have() -> None:
    """A HubSpot tap's records go by `id`, or `vid`: a property of the same value is not in the record of a deletion."""
    assert _bound(*HEADERS["hubspot tap"]).key == ("id",)
    assert _bound(*HEADERS["hubspot tap, older"]).key == ("vid",)
    assert _bound(*HEADERS["hubspot tap"]).deleted[0][0] == "archived"


def test_a_tap_of_salesforce_leads_has_their_address() -> None:
    """The API's names of a lead's address have no Mailing before them."""
    bound = _bound(*HEADERS["salesforce tap, leads"])
    assert bound.adress == ("Street", "PostalCode", "City")
    assert bound.country == ("Country",)
    assert bound.postcode == ("PostalCode",)


def test_faxes_pagers_and_assistants_are_no_phones_of_a_contact() -> None:
    """Outlook's other numbers are never sent."""
    found = {column.value for column in _bound(*HEADERS["outlook EN"]).phone}
    assert not found & {"Business Fax", "Pager", "Assistant's Phone", "Callback", "Radio Phone"}


def test_deleted_rows_are_known_where_the_crm_marks_them() -> None:
    """Salesforce's extract_all marks deleted rows, and the losers of a merge, who are counted as such."""
    assert [(header, reason) for header, _, reason in _bound(*HEADERS["salesforce Data Loader"]).deleted] == [
        ("MASTERRECORDID", "merged"),
        ("ISDELETED", "deleted"),
    ]


@pytest.mark.parametrize("name", mappings.names())
def test_an_opt_out_of_email_keeps_nobody_from_being_called(name: str) -> None:
    """No mapping leaves a contact out for a column that speaks of e-mail, newsletters or campaigns.

    But for CiviCRM's "user opt out": whatever its label says, CiviCRM keeps such a person out of its SMS mailings as well.
    """
    mapping = mappings.load(name)
    names = [fold(alias) for rule in mapping.deleted for alias in rule.column if alias != "No Bulk Emails (User Opt Out)"]
    assert not [alias for alias in names if "mail" in alias or "marketing" in alias or "newsletter" in alias]


def test_what_is_missing_is_said_all_at_once() -> None:
    """No key and no phone column: both are named, with the headers that there are and what to do."""
    with pytest.raises(FixSetup) as fault:
        mappings.bind(mappings.load("hubspot"), ["Shoe size", "Hat"])
    key, phone, advice = fault.value.faults
    assert "no key column" in key
    assert "'Record ID'" in key
    assert "or 4 other names" in key
    assert "no phone column" in phone
    assert "#003" in phone
    assert "'Shoe size', 'Hat'" in advice
    assert "choose another mapping" in advice


def test_a_source_that_no_mapping_reads_is_recognized_as_nothing() -> None:
    """No phone column, no fit."""
    assert recognize(["a", "b", "c"]) == []
    assert recognize([]) == []


def test_a_plain_list_is_the_generic_mapping_without_its_identifier() -> None:
    """Both know the same columns, whoever adds a name to one of them."""
    plain, generic = mappings.load("simple"), mappings.load("generic")
    own = {"key", "key_otherwise"}
    assert plain.columns.model_dump(exclude=own) == generic.columns.model_dump(exclude=own)
    assert plain.deleted == generic.deleted
    names = [*generic.columns.first_name, *generic.columns.last_name, *generic.columns.full_name, *generic.columns.email]
    assert plain.columns.key == names
    assert plain.columns.key_otherwise == generic.columns.phone


def test_a_plain_list_is_not_preferred_to_an_identifier() -> None:
    """Where a mapping knows more of a file, its identifier included, a list of names is not likely."""
    assert recognize(["rowid", "lastname", "firstname", "phone_mobile", "email"])[0].name == "dolibarr"
    assert [fit.name for fit in recognize(["Name", "Phone", "Email"])] == ["simple", "erpnext"]


def test_whose_export_it_may_be_is_known_without_its_key() -> None:
    """Headers that one CRM writes speak of it, though it cannot be read; common ones speak of nobody."""
    assert resembled(["First Name", "Phone Number", "Mobile Phone Number"]) == "hubspot"
    assert resembled(["Person - Name", "Person - Phone - Mobile"]) == "pipedrive"
    assert resembled(["Name", "Phone", "Email"]) is None


def test_how_sure_a_recognition_is() -> None:
    """Two headers that only one CRM writes are certain; none is a guess; a rival that fits as well takes a step away."""
    sure = {name: recognize(headers.split(","))[0].sure for name, (_, headers) in HEADERS.items()}
    assert sure["hubspot EN"] == sure["outlook FR"] == sure["pipedrive FR"] == sure["brevo EN"] == "certain"
    assert sure["generic EN"] == sure["generic FR"] == "likely"
    vague = recognize(["Id", "Prénom", "Nom", "Téléphone", "a", "b", "c", "d", "e", "f"])
    assert {fit.sure for fit in vague} == {"a guess"}
    assert vague[0].why.endswith("(a guess)")


def test_what_nothing_peculiar_speaks_for_counts_half() -> None:
    """Plain headers with an identifier are anybody's: the mapping of no CRM in particular comes first."""
    fits = recognize(["Id", "First Name", "Last Name", "Email", "Phone", "Mobile"])
    assert fits[0].name == "generic"
    assert len(fits) > 1
    assert all(fit.score < fits[0].score for fit in fits[1:])


GOOD = 'crm = "x"\ntitle = "x"\n\n[columns]\nkey = ["id"]\nphone = ["tel"]\n'


def test_a_mapping_of_ones_own() -> None:
    """A path to a TOML file is a mapping as well; a name alone is a list of one; a star matches by prefix."""
    mapping = mappings.parse(GOOD + 'email = [["mail *"], "courriel"]\n', "own.toml")
    binding = mappings.bind(mapping, ["ID", "Tel", "Mail (pro)", "Courriel"])
    assert (binding.key, binding.phone[0].value, binding.email) == (("ID",), "Tel", ("Mail (pro)", "Courriel"))
    assert binding.fingerprinted == ("ID", "Tel", "Mail (pro)", "Courriel")


def test_a_mapping_file_is_read_by_its_path(tmp_path: Path) -> None:
    """What ends in .toml is a path; what cannot be read is a sentence."""
    path = tmp_path / "own.toml"
    path.write_text(GOOD)
    assert mappings.load(str(path)).crm == "x"
    for wrong in (str(tmp_path / "none.toml"), str(tmp_path / "dir.toml")):
        (tmp_path / "dir.toml").mkdir(exist_ok=True)
        with pytest.raises(FixSetup, match=r"mapping .*\.toml"):
            mappings.load(wrong)


def test_an_unknown_mapping_names_those_that_there_are() -> None:
    """A misspelt name is answered with the right ones."""
    with pytest.raises(FixSetup, match=r"no mapping 'hubspott'.*hubspot"):
        mappings.load("hubspott")


def test_all_faults_of_a_mapping_are_listed_with_their_lines() -> None:
    """Each fault has the line of its setting, and a misspelt one is called unknown."""
    text = 'crm = 7\ntitle = "x"\nfoo = 1\n\n[columns]\nkey = []\nphone = ["tel"]\nfone = ["x"]\n'
    with pytest.raises(FixSetup) as fault:
        mappings.parse(text, "bad.toml")
    faults = sorted(fault.value.faults)
    assert [sentence.split(": ")[0] for sentence in faults] == [f"mapping bad.toml, line {line}" for line in (1, 3, 6, 8)]
    assert sum("there is no such setting" in sentence for sentence in faults) == 2


def test_all_faults_of_a_query_are_listed_with_their_lines() -> None:
    """What stands for nothing, what is never used, a column that is not given, a zone that is none: each on its line."""
    text = (
        GOOD
        + """[sql]
tables = ["people"]
query = "DELETE {what} FROM {where};"
modified = "changed"
zone = "Mars"
[sql.pick]
never = [{ sql = "1" }]
where = [{ sql = "people" }]
"""
    )
    with pytest.raises(FixSetup) as fault:
        mappings.parse(text, "bad.toml")
    assert [sentence.split(": ")[0::1][:2] for sentence in fault.value.faults] == [
        ["mapping bad.toml, line 9", "sql.query"],
        ["mapping bad.toml, line 9", "sql.query"],
        ["mapping bad.toml, line 13", "sql.pick.never"],
        ["mapping bad.toml, line 10", "sql.modified"],
        ["mapping bad.toml, line 11", "sql.zone"],
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("crm = x", "line 1"),
        ('crm = "x"\ntitle = "x"\n[columns]\nkey = ["id"]\n', "no phone column"),
        ('crm = "x"\ntitle = "x"\n', "columns"),
        (GOOD + '[phone_country]\ntel = "France"\n', "two-letter"),
        (GOOD + '[phone_country]\ntel = "++"\n', "two-letter"),
        (GOOD + "[[deleted]]\ncolumn = 'x'\nvalues = []\n", "line 9"),
    ],
)
def test_a_fault_of_a_mapping_is_a_sentence(text: str, what: str) -> None:
    """TOML that is broken, and settings that are missing or contradict each other."""
    with pytest.raises(FixSetup, match=what):
        mappings.parse(text, "bad.toml")


@given(st.text(max_size=20))
def test_folding_once_is_enough(header: str) -> None:
    """Two headers that fold alike are one header; folding is stable but for letters that Unicode folds in steps."""
    assert fold(fold(fold(header))) == fold(fold(header))
    assert fold(f"\ufeff  {header}\u00a0") == fold(header)


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_headers_are_bound_or_refused(headers: list[str]) -> None:
    """Nothing but `FixSetup` comes of odd headers, and what is bound is among them."""
    for name in mappings.names():
        try:
            binding = mappings.bind(mappings.load(name), headers)
        except FixSetup:
            continue
        assert set(binding.used) <= set(headers)


def test_the_command_lists_all_mappings_and_shows_one(tmp_path: Path) -> None:
    """`mappings` says of each what it reads and whom it leaves out; of one of the user's own all faults."""
    listed = json.loads(CliRunner().invoke(cli, ["mappings", "--json"]).stdout)
    assert [one["name"] for one in listed] == mappings.names()
    (dolibarr,) = (one for one in listed if one["name"] == "dolibarr")
    assert {"disabled", "private"} <= set(dolibarr["leaves_out"])
    assert (dolibarr["changes_by"], dolibarr["zone"]) == ("tms", "database")
    shown = CliRunner().invoke(cli, ["mappings", "dolibarr"]).stdout
    assert "read incrementally, by tms" in shown
    assert dolibarr["activities"][0] == "call"
    assert "of the CRM's own, for: call" in shown
    for one in listed:
        assert one["title"].split()[0] in CliRunner().invoke(cli, ["mappings", one["name"]]).stdout
    (tmp_path / "own.toml").write_text('crm = 7\n[columns]\nkey = ["id"]\nfone = ["x"]\n')
    wrong = CliRunner().invoke(cli, ["mappings", str(tmp_path / "own.toml")])
    assert wrong.exit_code == 2
    for fault in ("line 1: crm: ", "line 4: columns.fone: there is no such setting"):
        assert fault in wrong.stderr
