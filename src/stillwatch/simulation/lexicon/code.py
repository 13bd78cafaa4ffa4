"""Programming: questions, tasks, and little pieces of code to go with them."""

_POOLS = {
    "tongue": "Python|TypeScript|Go|Rust|Java|C#|Kotlin|C++|Ruby|PHP|Swift|SQL|Bash",
    "library": "pandas|React|Django|FastAPI|Spring Boot|SQLAlchemy|Next.js|PyTorch|Kubernetes|Terraform|Redis|PostgreSQL|Kafka|numpy|Express|gRPC|Tailwind|Airflow",
    "noun": "invoice|order|user|session|sensor|ticket|payment|shipment|tenant|document|booking|playlist|device|recipe|lead|contract|vehicle|patient|cart|message",
    "verb": "parse|merge|validate|export|deduplicate|schedule|cache|normalise|paginate|encrypt|rank|archive|stream|group|index|retry|diff|import",
    "defect": "a race condition|an off-by-one error|a memory leak|a null pointer|a timeout|a deadlock|a wrong time zone|a unicode error|an N+1 query|a flaky test|a circular import|a stale cache|a broken migration|a 502 from the proxy",
    "structure": "linked list|binary search tree|min-heap|trie|LRU cache|ring buffer|union-find|directed graph|sliding window|priority queue|bloom filter|sparse matrix|interval tree|hash map",
    "constraint": "It must handle {count} million rows.|Do not use external libraries.|Keep it under {count}0 lines.|It has to be thread-safe.|Follow our style guide.|Memory is limited to {count} MB.|Please add type hints.|It runs on {library}.|We cannot change the schema.|Include error handling.|Explain your reasoning.|Go step by step.|Say why, for each step.",
    "error": "TypeError: cannot read property '{noun}' of undefined|KeyError: '{noun}_id'|panic: index out of range|error[E0502]: cannot borrow `{noun}` as mutable|ORA-00942: table {noun} does not exist|ValueError: {noun} has wrong shape|ECONNREFUSED while calling /{noun}s|segmentation fault in {verb}_{noun}",
    "snippet": "def {verb:v}_{noun:n}(items):\n    result = []\n    for item in items:\n        if item.{noun:n}_id in result:\n            continue\n        result.append(item.{verb:v}())\n    return result@@function {verb:v}{noun:n}(rows) {\n  return rows.filter(r => r.{noun:n} != null).map(r => {verb:v}(r.{noun:n}, {count}));\n}@@SELECT {noun:n}_id, count(*) AS n\nFROM {noun:n}s\nWHERE created_at > now() - interval '{count} days'\nGROUP BY {noun:n}_id\nHAVING count(*) > {count:b};@@class {noun:n}_service:\n    def __init__(self, db):\n        self.db = db\n\n    def {verb:v}(self, {noun:n}_id):\n        row = self.db.get({noun:n}_id)\n        if not row:\n            return None\n        return row.{verb:v}(limit={count})@@func {verb:v}(ch chan {noun:n}) error {\n\tfor x := range ch {\n\t\tif err := x.{verb:v}(); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\treturn nil\n}@@fn {verb:v}(v: &Vec<{noun:n}>) -> usize {\n    v.iter().filter(|x| x.len() > {count}).count()\n}",
    "path": "src/{noun}/{verb}.py|app/{noun}s/views.ts|internal/{noun}/{verb}.go|lib/{verb}_{noun}.rb|services/{noun}-api/main.java|pkg/{verb}/{noun}_test.go",
}

_ASK = (
    "Why does this give me `{error}`?\n\n{snippet}",
    "{snippet}\n\nfix this",
    "How do I {verb} a {noun} in {tongue} with {library}?",
    "I have {defect} in {path}. {constraint} Where should I look?",
    "refactor this so it is easier to test:\n```\n{snippet}\n```",
    "Write a unit test for\n\n{snippet}",
    "what does this do?\n{snippet}",
    "Convert this to {tongue}:\n\n{snippet}",
    "In {library}, what is the idiomatic way to {verb} {noun}s? {constraint}",
    "Getting {error} when I deploy to {library}. Log is below.\n\n{path}: {error}",
    "review my change to {path}\n\n{snippet}\n\n{constraint}",
    "Complete the function\n{snippet}",
    "add docstrings\n\n{snippet}",
    "Is there a faster way than this? {constraint}\n\n{snippet}",
    "regex for a {noun} number like {count}-{count}/{count}",
    "Explain {defect} to a junior developer using {tongue}",
)

_TASK = (
    "Write a {tongue} function that can {verb} a list of {noun}s. {constraint}",
    "Implement a {structure} in {tongue} with insert, delete and lookup. {constraint}",
    "Create a command-line tool in {tongue} to {verb} {noun} files and report the result.",
    "Design a REST API to {verb} {noun}s with {library}. Include the data model.",
    "Build a class that can {verb} {noun}s using a {structure}. {constraint}",
    "Given a {structure} of {noun}s, return the {count} most frequent ones in {tongue}.",
    "Write a {library} configuration that will {verb} every {noun} once a day.",
    "Debug the following {tongue} program, which suffers from {defect}.\n\n{snippet}",
    "Write an SQL query to {verb} {noun}s created in the last {count} days. {constraint}",
    "Generate a script that will {verb} all {noun} records and {verb} the rest. {constraint}",
    "Optimise this code and state its complexity.\n\n{snippet}",
    "Translate the code below from {tongue} to {tongue}.\n\n{snippet}",
)

_AGENT = (
    "Repository: {noun}-{verb}. Issue: {defect} in {path}. Find the cause, edit the files and run the tests. {constraint}",
    "You have a shell and an editor. Task: {verb} the {noun} data in {path} and open a pull request.",
    "Use the tools to look up the {noun}, {verb} it, and report what you did.",
    "Tests in {path} fail with `{error}`. Fix the code, not the tests. {constraint}",
    "Migrate {path} from {library} to {library}. Work step by step and keep the build green.",
    "Tool result: {error}\nDecide on the next call.",
    "Collect the last {count} {noun}s from the API, {verb} them with {library} and draw a chart.",
    "Open the browser, find the {noun} page, {verb} the form and return the confirmation number.",
)

_FOLLOW = (
    "still getting {error}",
    "now the same for {noun}",
    "can you add tests?",
    "it works but is slow. {constraint}",
    "use {library} instead",
    "why did you change {path}?",
    "Here is the output:\n{error}",
    "ok apply that",
    "what is the reason for that? step by step please",
    "what about {defect}?",
    "shorter please, only the diff",
)

RULES = {
    name: tuple(text.split("@@" if "@@" in text else "|")) for name, text in _POOLS.items()
} | {
    "code.ask": _ASK,
    "code.task": _TASK,
    "code.agent": _AGENT,
    "code.follow_up": _FOLLOW,
}
