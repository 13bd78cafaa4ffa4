"""Everyday subjects: what people ask about, and the frames in which they ask it.

``TOPICS`` gives each subject things and deeds; every frame is instantiated for every subject, so
a subject can be asked about in every way and a way of asking is common to all subjects.
"""

TOPICS: dict[str, tuple[str, str]] = {
    "cooking": (
        "sourdough starter|roast chicken|lentil curry|gluten-free pastry|cast iron pan|miso soup|pressure cooker beans|weeknight pasta|kimchi|birthday cake for {count}|slow cooker stew|pickled onions",
        "thicken a sauce without flour|meal prep for {period}|use up leftover {food}|bake bread at altitude|season a wok|cook {food} without an oven|halve a recipe for {food}|store fresh {food}",
    ),
    "travel": (
        "a {period} trip to {place}|night trains in {place}|travel insurance|the visa rules for {place}|a layover in {place}|hiking near {place}|street food in {place}|hostels in {place}|car hire in {place}",
        "plan {period} in {place} on a small budget|pack for {place} in {month}|get from {place} to {place} by train|avoid tourist traps in {place}|travel to {place} with {count} children|find a quiet beach near {place}",
    ),
    "health": (
        "a stiff neck|vitamin D|mild hay fever|sleep apnoea|high blood pressure|intermittent fasting|a sprained ankle|migraine triggers|blue light and sleep|iron deficiency|caffeine tolerance",
        "sleep better during shift work|read a blood test|lower cholesterol with diet|prepare for a check-up|treat a small burn|talk to a doctor about {thing.health}|stop grinding my teeth",
    ),
    "fitness": (
        "a 10k training plan|kettlebell swings|shin splints|rowing technique|protein after training|a {period} strength plan|stretching for cyclists|heart rate zones|knee pain when squatting",
        "train for a half marathon in {period}|build strength at home with {count} dumbbells|warm up before swimming|get back into running after a break|improve my deadlift form",
    ),
    "money": (
        "an index fund|a fixed-rate mortgage|compound interest|an emergency fund|student loans|a pension at {age}|currency exchange fees|credit scores|renting against buying|inflation",
        "budget on a salary of {amount}|save {amount} in {period}|pay off two credit cards|split costs in a shared flat|start investing at {age}|negotiate a lower rent",
    ),
    "family": (
        "a toddler who will not sleep|a teenager's screen time|chores for children|a wedding speech|moving in with parents|a long-distance relationship|a difficult neighbour|homework fights|a baby shower",
        "explain divorce to a {age}-year-old|plan a party for {count} children|talk to my sister about money|write a toast for my grandmother|set bedtime rules|help a shy child make friends",
    ),
    "pets": (
        "a cat that scratches the sofa|puppy training|a tank for {count} guppies|dog food labels|a rescue greyhound|hamster cages|kitten vaccinations|a parrot that screams|separation anxiety in dogs",
        "trim a nervous dog's nails|introduce a new cat to an old one|travel with a dog to {place}|keep rabbits outdoors in {month}|stop a puppy from biting",
    ),
    "garden": (
        "tomato blight|raised beds|a shady balcony|compost that smells|lavender cuttings|lawn moss|slugs on lettuce|a small greenhouse|pruning roses|drought-tolerant plants",
        "grow {food} in pots|keep basil alive in {month}|plan a vegetable bed of {count} square metres|get rid of aphids without chemicals|plant a hedge",
    ),
    "film": (
        "slow-burn science fiction films|the ending of a heist film|{count} films about grief|silent cinema|a remake against the original|subtitles or dubbing|film noir lighting|family films without singing",
        "write a review of a film I disliked|find films set in {place}|explain the three-act structure|plan a film night for {count} friends|understand a non-linear plot",
    ),
    "music": (
        "minor seventh chords|a used upright piano|tuning a ukulele|the circle of fifths|jazz for beginners|singing in tune|mixing vocals at home|a {period} practice plan|sheet music apps|vinyl records",
        "learn guitar at {age}|write lyrics about {place}|transpose a song for alto|record an acoustic guitar with one microphone|make a playlist for {period} of study",
    ),
    "games": (
        "a campaign for {count} players|deck-building games|chess openings for black|speedrunning|a village full of rumours|puzzles for an escape room|a dungeon under {place}|cooperative board games",
        "balance an encounter for {count} level-five heroes|name {count} pirate ships|beat my brother at chess|write riddles for a treasure hunt|design a card game about {food}",
    ),
    "sport": (
        "the offside rule|cricket scoring|tyre strategy in racing|a tennis serve|the transfer window|penalty shoot-outs|ultimate frisbee|zone defence|the decathlon scoring table",
        "coach an under-{age} football team|follow a cycling race for the first time|explain cricket to my partner|organise a tournament for {count} teams",
    ),
    "history": (
        "the fall of Constantinople|the Hanseatic League|the spice trade|the Meiji restoration|the Black Death in {place}|Roman concrete|the printing press|the Silk Road|medieval guilds|the history of {place}",
        "compare two accounts of the French Revolution|date an old photograph|trace the causes of the First World War|summarise {count} years of history of {place}",
    ),
    "science": (
        "why the sky is blue|CRISPR|plate tectonics|quantum tunnelling|photosynthesis|antibiotic resistance|black holes|superconductors|the placebo effect|octopus intelligence|tides|entropy",
        "explain {thing.science} to a {age}-year-old|set up a volcano experiment|measure gravity with a phone|understand a scientific paper|estimate the mass of the Earth",
    ),
    "philosophy": (
        "free will|the trolley problem|Stoicism|personal identity|the ship of Theseus|utilitarianism|moral luck|the meaning of life|scepticism|the veil of ignorance",
        "argue against free will|compare Kant and Hume|apply Stoicism to office life|write a dialogue on {thing.philosophy}",
    ),
    "repair": (
        "a dripping tap|a boiler with low pressure|a squeaky floorboard|damp in the cellar|a tripped breaker|cracked tiles|a blocked sink|a door that sticks|peeling paint|an old sash window",
        "hang a shelf on a plasterboard wall|patch a hole of {count} centimetres|insulate a loft|fix a bike puncture|replace a light switch safely|paint a room in a day",
    ),
    "career": (
        "a gap of {period} on a CV|salary negotiation|a career change at {age}|a counter-offer|imposter syndrome|a cover letter for a {job}|an exit interview|working from {place}|a difficult manager",
        "prepare for an interview as a {job}|ask for a raise of {amount}|write a resignation letter|switch from {job} to {job}|answer the question about weaknesses",
    ),
    "writing": (
        "a short story set in {place}|an unreliable narrator|a villain with a point|a poem about {food}|dialogue without tags|a children's book about a {job}|the first line of a novel|a haiku on {month}",
        "write a story about a {job} in {place}|describe a storm without clichés|name {count} characters|outline a novel in {count} chapters|make a scene more tense",
    ),
    "language": (
        "the subjunctive|false friends between Spanish and Italian|Japanese counters|German cases|Mandarin tones|Russian aspect|phrasal verbs|Arabic script|spaced repetition|an accent",
        "learn {language} in {period}|remember {language} vocabulary|practise {language} alone|order food in {language}|read a newspaper in {language}",
    ),
    "shopping": (
        "a laptop under {amount}|noise-cancelling headphones|a mattress for back pain|a second-hand camera|a bicycle for commuting|an e-reader|hiking boots|a coffee grinder|a gift for a {job}",
        "choose a phone for my parents|buy a used car for {amount}|compare two washing machines|find a present under {amount}",
    ),
}

FRAMES = (
    "how do I {deed}?",
    "How can I {deed}? {detail}",
    "What is the best way to {deed}?",
    "{hello}I want to {deed}. Where do I start?",
    "Can you explain {thing}{audience}?",
    "tell me about {thing}",
    "What should I know about {thing} before {period} from now?",
    "{hello}I am a {job} and I have a question on {thing}. {detail} What would you advise?",
    "Give me {count} tips on how to {deed}.",
    "pros and cons of {thing}",
    "Is it true that {thing} matters more than people think? {detail}",
    "{thing} vs {thing}, which one and why",
    "I tried to {deed} but it did not work. {detail} What am I doing wrong?",
    "Write a short guide{audience}: {thing}.",
    "My {relative} asked me about {thing}. How would you put it simply?",
    "Make a checklist so that I can {deed}",
    "{hello}quick question about {thing}: {detail} thanks!",
    "help me {deed} pls",
    "Explain step by step how to {deed}.",
    "Why do people care so much about {thing}?",
    "Suggest {count} ideas around {thing}{audience}. {detail}",
    "We have {period} and {amount}. Could you help us {deed}? {detail}",
    "What mistakes do beginners make with {thing}?",
)

FOLLOW_UPS = (
    "Thanks! And what about {thing.cooking}?",
    "can you make it shorter",
    "Explain the reasoning behind that.",
    "Walk me through it step by step.",
    "Could you expand on the second point?",
    "why?",
    "ok but my budget is {amount}",
    "That did not work, anything else?",
    "Give me {count} more.",
    "make it sound less formal",
    "Is there a source for that?",
    "what if I only have {period}?",
    "I meant in {place}, not in general.",
    "Great, now put it in a table",
    "hmm not sure I agree. {detail}",
    "What would a {job} say?",
    "thank you, that helps. One more thing: how long does it take?",
    "Translate the last part into {language}",
    "continue",
    "and in {month}?",
    "Can you give an example?",
    "Which of these would you pick and why?",
    "rewrite it so that my {relative} understands it",
    "No, {detail} Try again.",
)

_POOLS = {
    "count": "2|3|4|5|6|7|8|10|12|15|20|30",
    "period": "two days|a weekend|five days|a week|two weeks|a month|six weeks|three months|half a year|a year",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "age": "6|8|11|14|16|25|29|34|40|47|52|60",
    "amount": "200 euros|500 dollars|£750|1,200 dollars|2,000 euros|45,000 a year|80 dollars|300 francs|15,000 rupees|60,000 yen",
    "food": "aubergine|chickpeas|salmon|rice|mushrooms|peppers|tofu|oats|plums|spinach|potatoes|pears|cabbage|cheese",
    "place": "Lisbon|Kyoto|Oaxaca|Tbilisi|Ghent|Nairobi|Hanoi|Valparaíso|Kraków|Muscat|Tromsø|Cork|Perth|Montréal|Jaipur|Ljubljana|Cusco|Busan|Palermo|Tartu",
    "job": "nurse|teacher|data analyst|carpenter|lawyer|chef|bus driver|librarian|pharmacist|product manager|electrician|translator|farmer|accountant|architect|barista|geologist|sound engineer",
    "relative": "mother|father|son|daughter|uncle|aunt|cousin|flatmate|neighbour|boss|grandfather",
    "language": "Spanish|German|Russian|Mandarin|Japanese|Portuguese|Arabic|Polish|Swahili|Finnish|Turkish|Korean",
    "audience": "| for a beginner| to a child| in plain words| like I am five| for someone who knows the basics| in two paragraphs| with an example| for a {job}",
    "hello": "|||Hi! |hey, |Hello, |Good morning. |Dear assistant, |So, ",
    "detail": "I only have {period}.|My {relative} disagrees.|We are {count} people.|I live in {place}.|I have about {amount} to spend.|It has to be done before {month}.|I am {age} and new to this.|I already read two articles and they contradict each other.|Please be honest.|No need for a long answer.|It is for my {relative}.|I work as a {job}.|We tried it in {month} and it went badly.|Please go step by step.|Explain your reasoning.|Show me the steps.|Tell me the reason for each choice.|Rate each option and give me a score.|What criteria should I use?",
}


def _rules() -> dict[str, tuple[str, ...]]:
    rules = {name: tuple(text.split("|")) for name, text in _POOLS.items()}
    for topic, (things, deeds) in TOPICS.items():
        rules[f"thing.{topic}"] = tuple(things.split("|"))
        rules[f"deed.{topic}"] = tuple(deeds.split("|"))
        rules[f"ask.{topic}"] = tuple(
            frame.replace("{thing}", f"{{thing.{topic}}}").replace("{deed}", f"{{deed.{topic}}}")
            for frame in FRAMES
        )
    rules["chat"] = tuple(text for topic in TOPICS for text in rules[f"ask.{topic}"])
    rules["thing"] = tuple(text for topic in TOPICS for text in rules[f"thing.{topic}"])
    rules["deed"] = tuple(text for topic in TOPICS for text in rules[f"deed.{topic}"])
    rules["follow_up"] = FOLLOW_UPS
    rules["search"] = tuple(
        frame
        for topic in TOPICS
        for frame in (
            f"{{thing.{topic}}}",
            f"{{thing.{topic}}} {{place}}",
            f"best {{thing.{topic}}} {{year}}",
            f"how to {{deed.{topic}}}",
            f"{{thing.{topic}}} meaning",
            f"who invented {{thing.{topic}}}",
        )
    )
    rules["year"] = tuple(str(year) for year in range(1990, 2027))
    return rules


RULES = _rules()
