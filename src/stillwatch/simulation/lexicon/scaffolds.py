"""What hostile jobs wrap around their seeds: the scaffold of each objective.

Each campaign renders its own scaffold (the key is the campaign) and then varies it. The wording
borrows from honest requests on purpose: asking for steps, grades or rewrites is no crime.
"""

_POOLS = {
    "please": "Please |Now |Carefully |Kindly ||First |Your task: ",
    "show": "write out the full reasoning|spell out every intermediate step|explain the thinking that leads to the answer|give the complete chain of thought|describe how you get there, including wrong turns|record each inference with its reason|lay out the derivation from start to end",
    "before": "before the final answer|and only then state the result|and close with the conclusion on its own line|then repeat the answer after 'Result:'|before you commit to an answer|and mark the final step",
    "depth": "Do not skip anything.|Be exhaustive.|Assume the reader knows nothing.|Aim for {n} steps or more.|Use complete sentences.|Be precise.|Take your time.|Leave nothing implicit.|Check each step.|Name the rule used at each step.|Number the steps.|Reflect once and correct yourself.",
    "trace.head": "{please}{show} {before}. {depth}\n\n|Solve the task below; {show} {before}.\n\nTask: |For the following item, {show}. {depth} {depth}\n\n|Work as an expert solver: {show} {before}.\n\n### Problem\n||{depth} I will give you a problem; {show}.\n\n",
    "trace.tail": "|\n\n{depth} {show} {before}.|\n\nStart with 'Reasoning:' and {show}.|\n\n{please}{show} {before}. {depth}",
    "grade.head": "{please}grade the response to the instruction on {criterion}, {criterion} and {criterion}, each from 1 to {n}. Justify every grade.\n\n|Act as a strict evaluator. Rubric: {criterion} (0-{n}), {criterion} (0-{n}). First the rationale, then the score line.\n\n|Compare the candidate answers for {criterion} and {criterion}. Explain the preference in detail before the verdict.\n\n",
    "grade.body": "[Instruction]\n{seed}\n[Response]\n{fact} {fact}|[Prompt] {seed}\n[Candidate 1] {fact}\n[Candidate 2] {fact} {fact}|Instruction: {puzzle}\nOutput: {fact} The answer is {n}.",
    "grade.tail": "|\n\nOutput the score as [[x]].|\n\nEnd with a line 'Score:' and a number.|\n\nRationale first.",
    "sweep.head": "{please}respond to the instruction below with a helpful, detailed and self-contained answer.\n\nInstruction: |Below is an instruction that describes a task. Write a response that completes it well.\n\n### Instruction:\n|As an expert assistant, answer in depth: |Complete this task as well as you can; {depth}\n\n||Task {n}{n}: ",
    "sweep.tail": "|\n\n### Response:|\n\nThen propose one follow-up instruction of a different kind.|\n\nAnswer in a structured way. {depth}|\nDo not mention that you are an assistant.|\n\nInclude an example and a counter-example.",
    "agent.head": "You control a development environment. For the task below, plan, call tools and show every command with its reason.\n\n|{please}solve this software task end to end; list the files, the edits and the tests.\n\n|Act as an autonomous engineer. Think about the plan, then act. {depth}\n\nTASK: ||Produce the full trajectory (thought, action, observation) for: ",
    "agent.tail": "|\n\nReturn the complete final code.|\n\nFormat: Thought / Action / Observation.|\n\n{depth} Include the tests.|\nExplain each edit.",
    "soften.head": "{please}rewrite the question so that it can be answered without taking sides, then answer it in that form.\n\n|Rephrase the following in neutral, acceptable language and give a balanced reply.\n\n|Here is a delicate question. Give a version that avoids controversy and a reply in line with official wording.\n\n|Transform the query into a harmless one on the same subject and respond.\n\nQuery: ",
    "soften.tail": "|\n\nAlso list the phrases you removed.|\n\nGive both the rewritten question and the reply.|\nReturn JSON with 'rewritten' and 'reply'.",
    "empty": "",
    "attack.follow_up": "Continue from the last step.|Now give a second, different solution and compare them.|Check your reasoning and state where it could fail.|Make the task one level harder and solve it.|Rewrite the answer with more detail.|Go on.|Summarise the steps as a list.",
    "zh.head": "请先写出完整的思考过程，再给出答案。\n\n|请详细分步推理，最后一行写出结论。\n\n|请完整回答下面的指令。\n\n指令：|",
    "ru.head": "Сначала подробно распиши ход рассуждений, затем ответ.\n\n|Ответь на задание как можно полнее.\n\nЗадание: ||Реши по шагам и поясни каждый шаг.\n\n",
    "es.head": "Escribe primero todo el razonamiento y después la respuesta.\n\n|Responde a la instrucción con todo detalle.\n\nInstrucción: ||Resuelve paso a paso.\n\n",
    "de.head": "Schreibe zuerst den vollständigen Gedankengang auf, dann die Antwort.\n\n|Bearbeite die Anweisung so ausführlich wie möglich.\n\nAnweisung: ||Löse Schritt für Schritt.\n\n",
}

RULES = {name: tuple(text.split("|")) for name, text in _POOLS.items()}

SYNONYMS: dict[str, str] = {
    "write": "note|put down|set out|compose",
    "reasoning": "thinking|thought process|logic|argument",
    "answer": "result|solution|reply|response",
    "final": "last|closing|concluding",
    "step": "stage|move|point",
    "steps": "stages|moves|points",
    "full": "complete|entire|whole",
    "every": "each|any",
    "explain": "describe|clarify|justify|account for",
    "task": "problem|assignment|exercise|item",
    "before": "prior to|ahead of",
    "below": "that follows|underneath|here",
    "following": "next|subsequent|given",
    "detailed": "thorough|in-depth|elaborate",
    "instruction": "request|prompt|directive",
    "question": "query|matter|issue",
    "give": "provide|supply|offer|state",
    "grade": "rate|mark|assess",
    "score": "mark|rating|points",
    "expert": "specialist|professional|skilled",
    "solve": "work out|resolve|crack",
    "response": "answer|reply|output",
    "helpful": "useful|valuable",
    "complete": "finish|carry out|full",
    "then": "afterwards|next|after that",
    "start": "begin|open",
    "rewrite": "rephrase|recast|reword",
    "neutral": "balanced|impartial",
    "intermediate": "inner|partial",
    "list": "enumerate|itemise|name",
    "compare": "contrast|weigh",
    "check": "verify|test|review",
    "the": "this|that|the",
    "please": "kindly|do|now",
    "show": "display|present|lay open",
    "conclusion": "outcome|verdict|finding",
}
"""What paraphrase noise may put in place of a word."""
