"""Problems with an answer: school exercises, benchmark items, puzzles, seed tasks."""

_POOLS = {
    "n": "3|4|5|6|7|8|9|11|12|14|15|16|18|21|24|25|27|32|36|45|48|60|72|84|96|120|144|225|360",
    "item": "pencils|tickets|apples|bolts|stamps|cupcakes|seedlings|marbles|tiles|chairs|coins|bottles|books|bricks|shells",
    "who": "A baker|The {job}|A shop in {place}|One farmer|A school|A cyclist|The library|A train from {place}|A factory|The team",
    "math.item": "{who} has {n} {item} and gives away {n}. Then {n} more arrive each day for {n} days. How many {item} are there in the end?|{who} sells {n} {item} at {n} dollars each and pays {n} dollars in rent. What is the profit?|{who} needs {n} minutes for one round and {n} minutes for the next. How long do {n} such pairs take?|If {n} workers lay {n} {item} in {n} hours, how many do {n} workers lay in {n} hours?|A box holds {n} {item}. {who} fills {n} boxes and has {n} {item} left over. How many {item} were there?|The sum of two numbers is {n} and their product is {n}. Find the numbers.|Find the remainder when {n}^{n} is divided by {n}.|How many positive divisors does {n} times {n} have?|A triangle has sides {n}, {n} and {n}. What is its area?|{who} draws {n} cards from a deck of {n}. What is the probability that all are different?|Solve for x: {n}x + {n} = {n} - {n}x.|What is the coefficient of x^{n} in (1 + x)^{n}?|{who} travels {n} km at {n} km/h and returns at {n} km/h. What is the average speed?",
    "science.item": "A block of {n} kg slides down a slope of {n} degrees. What is its acceleration?|How many moles are in {n} g of sodium chloride?|Why does {thing.science} occur? State the law involved.|A lens of focal length {n} cm forms an image at {n} cm. Where is the object?|Which of the following best explains {thing.science}: (A) pressure, (B) heredity, (C) charge, (D) none?|A cell divides every {n} minutes. How many cells are there after {n} divisions?|Balance the equation and give the mass of product from {n} g of reactant.",
    "logic.item": "{n} people stand in a line. The {job} is ahead of the {job} but behind the {job}. Who is last?|All {item} in {place} are red. Some red things are heavy. Does it follow that some {item} are heavy?|What is the next number: {n}, {n}, {n}, {n}?|Three boxes hold {item}, {item} or both, and every label is wrong. Which one do you open?|If it rains in {place} the {job} stays in. The {job} went out. What follows?|{who} says that the {job} lies; the {job} says that both tell the truth. Who lies?",
    "choice.item": "Which century saw {thing.history}?\nA. {n}th B. {n}th C. {n}th D. {n}th|Which statement on {thing.health} is true?\nA. It never matters. B. It depends on age. C. It is hereditary. D. None.|In {tongue}, what does {verb}({n}, {n}) print?\nA. {n} B. {n} C. {n} D. an error|{thing.money} is an example of:\nA. an asset B. a liability C. a policy D. a ratio",
    "bench.code": 'def {verb:v}_{noun:n}(xs, k={n}):\n    """Return the {noun:n}s that {verb:v} to {n}.\n\n    >>> {verb:v}_{noun:n}([{n}, {n}, {n}], {n})\n    [{n}, {n}]\n    """\n',
    "homework": "{math.item}|{science.item}|Write an essay of {n}0 words on {thing.history}.|Analyse the use of imagery in a poem about {month}.|Explain {thing.science} and give one example.|Discuss {thing.philosophy} with reference to two authors.|{logic.item}|Compare {thing.history} with {thing.history}.",
    "seed.write": "Write a {form} about {thing} for a {job}.|Compose a {form} set in {place} in which someone tries to {deed}.|Create {n} headlines for an article on {thing}.|Continue the story: the {job} in {place} found {thing}.|Write a {form} that explains how to {deed}.",
    "form": "limerick|short story|dialogue|press release|product review|blog post|speech|letter|song|monologue|tutorial|newsletter|screenplay scene|fable",
    "seed.know": "Explain {thing} and why it matters.|List {n} facts about {thing}.|Describe the relation between {thing} and {thing}.|What are the causes and consequences of {thing.history}?|Give a definition of {thing} with an example.|Outline a lesson on {thing.science}.|Identify the key terms in {thing.money}.",
    "seed.edit": "Classify the sentiment of this text: {complaint}|Extract all places from: {fact} {fact}|Rewrite the sentence in the passive voice: {fact}|Summarise in one sentence: {passage}|Correct the grammar: {complaint} {detail}|Convert to a table: {fact} {fact}|Suggest a title for: {passage}",
    "seed.plan": "Make a plan so that a {job} can {deed}.|Brainstorm {n} ideas for {thing}.|Design a questionnaire on {thing}.|Propose an experiment on {thing.science}.|Create a budget of {amount} for {thing.travel}.|Role-play: you are a {job} in {place}, the user wants to {deed}.",
    "survey": "On a scale from 1 to {n}, how much would a {age}-year-old {job} from {place} agree that {thing} is important? Answer with a number.|You are a {age}-year-old {job} living in {place}. Would you support a tax on {thing.shopping}? Yes or no, then one reason.|A {job} from {place} with an income of {amount}: which matters more, {thing.money} or {thing.family}?",
}

_ALL = {name: tuple(text.split("|")) for name, text in _POOLS.items()}
RULES = _ALL | {
    "bench.math": _ALL["math.item"],
    "bench.choice": _ALL["choice.item"] + _ALL["science.item"],
    "seed": sum((_ALL[f"seed.{part}"] for part in ("write", "know", "edit", "plan")), ())
    + _ALL["math.item"]
    + _ALL["logic.item"],
    "puzzle": sum((_ALL[f"{part}.item"] for part in ("math", "science", "logic", "choice")), ()),
}
