"""The whole story on one machine: three labs, a hub, three evaluators, and a campaign that hits all.

Read ``story.py`` first. Everything is done by the program's own commands and over HTTP.

Glossary
    campaign    one job under many false identities, at three labs at once
    seat        one place of the job: a lab, and the hours at which it asks; held by one account after
                another, as accounts are refused and replaced
    stock       what the campaign pays and signs up with: mailboxes, numbers, cards, devices
    ban         when the first lab blocks; hours are counted from there
    answered    the lab's gateway let the request pass. Refused, and not answered, is what is blocked,
                and what is asked for proof of identity until somebody has given it
    leaked      answered, and made for the campaign's job; other requests of its accounts only cover them
"""
