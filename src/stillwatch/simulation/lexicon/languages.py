"""Prompts in Chinese, Russian, Spanish and German: everyday questions and tasks.

Rule names end in the ISO 639-1 code of the language.
"""

_POOLS = {
    "wu.zh": "番茄炒蛋|二手自行车|量子计算|项目管理|人工智能|高考作文|租房合同|旅游签证|咖啡豆|跑步训练|股票基金|古典音乐|数据库索引|宋代历史|糖尿病饮食|机器学习|垃圾分类|新能源汽车",
    "di.zh": "北京|上海|成都|广州|西安|昆明|台北|新加坡|杭州|哈尔滨",
    "yq.zh": "请用简单的话。|不要超过两百字。|请举三个例子。|我是初学者。|请分点说明。|请给出理由。||请比较优缺点。",
    "chat.zh": "请解释一下{wu.zh}。{yq.zh}|{wu.zh}和{wu.zh}有什么区别？|我住在{di.zh}，想了解{wu.zh}，应该从哪里开始？|帮我写一篇关于{wu.zh}的短文。{yq.zh}|为什么{wu.zh}这么受欢迎？|去{di.zh}玩三天怎么安排？{yq.zh}|请把下面的句子翻译成英文：{di.zh}的{wu.zh}很有名。|给我五个关于{wu.zh}的建议。{yq.zh}",
    "task.zh": "设计一个关于{wu.zh}的推理问题并解答。|根据{wu.zh}写一段对话，地点在{di.zh}。|请总结{wu.zh}的发展过程。{yq.zh}|列出{wu.zh}的五个关键概念并逐一说明。|一个商店在{di.zh}卖{wu.zh}，第一天卖出十二件，第二天翻倍，三天共卖六十件，第三天卖了多少？|比较{wu.zh}与{wu.zh}，写成表格。",
    "shto.ru": "квантовая физика|домашний хлеб|ипотека|история Новгорода|шахматный дебют|машинное обучение|бег по утрам|ремонт крана|русская грамматика|солнечные батареи|роман Достоевского|налоговый вычет|комнатные растения|базы данных|кошачий корм",
    "gde.ru": "Казань|Томск|Алматы|Минск|Тбилиси|Рига|Самара|Ереван",
    "kak.ru": "Кратко, пожалуйста.|Я новичок.|Приведи три примера.|Объясни простыми словами.||Нужен список.|Не больше ста слов.",
    "chat.ru": "Что такое {shto.ru}? {kak.ru}|Расскажи, почему {shto.ru} — это важно. {kak.ru}|Составь план поездки: {gde.ru}, три дня. {kak.ru}|Чем отличаются {shto.ru} и {shto.ru}?|Напиши короткий рассказ, где упоминается {shto.ru}, место действия — {gde.ru}.|Помоги разобраться: {shto.ru}. {kak.ru}|Дай пять советов на тему «{shto.ru}».",
    "task.ru": "Придумай задачу на тему «{shto.ru}» и реши её.|Перечисли основные понятия темы «{shto.ru}» с пояснениями.|Сравни {shto.ru} и {shto.ru} в виде таблицы.|Поезд выехал из города {gde.ru} в 9:40 и прошёл 180 км за 2 часа. С какой скоростью он ехал?|Напиши инструкцию для начинающих: {shto.ru}.",
    "cosa.es": "la fotosíntesis|una hipoteca fija|el pan de masa madre|la guerra civil|un currículum|el subjuntivo|la energía solar|un huerto en el balcón|la inflación|el ajedrez|una base de datos|el flamenco|la dieta mediterránea|el realismo mágico|un contrato de alquiler",
    "lugar.es": "Sevilla|Bogotá|Oaxaca|Montevideo|Lima|Bilbao|Quito|Rosario",
    "modo.es": "Con palabras sencillas.|En menos de cien palabras.|Dame tres ejemplos.|Soy principiante.||Por favor, en una tabla.",
    "chat.es": "¿Qué es {cosa.es}? {modo.es}|¿Cómo empiezo con {cosa.es} si vivo en {lugar.es}? {modo.es}|Escribe un texto corto sobre {cosa.es}.|¿Cuál es la diferencia entre {cosa.es} y {cosa.es}?|Organiza un viaje de cuatro días a {lugar.es}. {modo.es}|hola, ayúdame con {cosa.es} por favor|Dame cinco consejos sobre {cosa.es}.",
    "task.es": "Inventa un problema sobre {cosa.es} y resuélvelo.|Enumera los conceptos clave de {cosa.es} y explica cada uno.|Un taller de {lugar.es} fabrica 45 piezas por hora durante 6 horas y desecha una de cada diez. ¿Cuántas vende?|Escribe instrucciones para explicar {cosa.es} a un estudiante.|Compara {cosa.es} con {cosa.es}.",
    "ding.de": "die Mülltrennung|ein Sauerteigbrot|der Konjunktiv|die Steuererklärung|ein Mietvertrag|die Wärmepumpe|das Bauhaus|die Quantenmechanik|ein Lebenslauf|der Kartoffelauflauf|die Kündigungsfrist|ein Datenbankindex|die Rentenversicherung|das Wandern im Harz",
    "ort.de": "Leipzig|Graz|Basel|Bremen|Innsbruck|Freiburg|Rostock|Zürich",
    "art.de": "Bitte kurz.|In einfachen Worten.|Mit drei Beispielen.|Ich bin Anfängerin.||Bitte als Liste.",
    "chat.de": "Was muss ich über {ding.de} wissen? {art.de}|Wie erkläre ich einem Kind {ding.de}? {art.de}|Plane ein Wochenende in {ort.de}. {art.de}|Was ist der Unterschied zwischen {ding.de} und {ding.de}?|Schreibe einen kurzen Text: {ding.de}.|hallo, kurze frage zu {ding.de}, ich wohne in {ort.de}|Gib mir fünf Tipps zum Thema {ding.de}.",
    "task.de": "Denke dir eine Aufgabe zum Thema „{ding.de}“ aus und löse sie.|Nenne die wichtigsten Begriffe zum Thema „{ding.de}“ und erkläre sie.|Ein Betrieb in {ort.de} verarbeitet täglich 320 kg, davon gehen 15 Prozent verloren. Wie viel bleibt nach fünf Tagen?|Vergleiche {ding.de} und {ding.de} in einer Tabelle.|Schreibe eine Anleitung: {ding.de}.",
}

RULES = {name: tuple(text.split("|")) for name, text in _POOLS.items()}
