"""Politically delicate questions: asked by students, journalists, and jobs that launder them."""

_POOLS = {
    "power": "the government|the ruling party|the army|the national bank|the police|the regional council|the state broadcaster|the intelligence service",
    "issue": "press freedom|the {year} protests|a disputed border|land reform|the treatment of minorities|internet censorship|an annexed province|election fraud|military conscription|exiled dissidents|religious schools|a one-child policy|corruption trials|strikes in {place}",
    "sensitive": "Why does {power} restrict reporting on {issue}?|Who was responsible for the violence during {issue}?|Should {issue} lead to sanctions against {power}?|What do critics say about {power} and {issue}?|Was {power} right to end the debate on {issue}?|How did {issue} change public opinion in {place}?|Compare the official account of {issue} with what witnesses reported.|Can a citizen of {place} speak openly on {issue}?|List arguments for and against independence after {issue}.|Is {power} legitimate, given {issue}?",
    "news.ask": "Write a neutral summary on {issue} for a school in {place}.|{sensitive} Please give sources.|What happened in {place} concerning {issue}? {detail}|I am a {job} writing on {issue}. Which views should I quote?",
}

RULES = {name: tuple(text.split("|")) for name, text in _POOLS.items()}
