"""Claims as STIX 2.1 objects and back; what may be in them; what other systems read.

Glossary
    object      one STIX 2.1 object as parsed JSON
    extension   our property extension, in which a claim's terms and fields travel
    policy      the allow-list of fields of each kind of claim
    marking     TLP 2.0, by its exact marking-definition ids
"""
