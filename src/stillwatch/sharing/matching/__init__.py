"""Actors recognised at another lab, and nobody's customers shown (ADR 0017).

Glossary
    identifier  what an account is recognised by: an address, a phone number ... (``domain/identifier``)
    input       the bytes of an identifier that go, blinded, to the evaluators
    output      64 bytes that the OPRF gives for an input; who lacks the identifier cannot have them
    tag         bytes 0-15 of the output: what is looked up; public
    record      what is known of an actor through one identifier
    row         a tag and the record sealed under bytes 32-63 of the same output
    dummy       a row of random bytes that opens for nobody; it hides how many rows there are
    pack        rows of one publisher and epoch, sorted by tag, a multiple of 256
    snapshot    a pack that replaces its publisher's packs before it
    tag set     all rows of all live packs, here, for looking up at home
    epoch       the time in which one key of the OPRF holds
    tagger      whoever gives outputs for inputs
"""
