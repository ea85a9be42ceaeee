"""The rules that speak for an injected instruction: patterns with weights, each with what it means (own work).

A blank in a pattern is up to three signs that are neither letter nor digit; `~` is up to 24 characters within a
sentence. Patterns are compiled by hyperscan: no lookaround, every match end. A rule is evidence: several together,
or one that hardly any honest text has, make a signal (`screen.THRESHOLD`). Weights were set on the development half of
`bench/redteam` alone.
"""
# ruff: noqa: E501, S105 - a pattern reads as one line; _SECRET is what is asked for, no password

from enum import StrEnum
from typing import Final, NamedTuple


class Signal(StrEnum):
    """What a rule speaks for. The values stand in ledger headers and are never renamed."""

    OVERRIDE = "override"
    PERSONA = "persona"
    SYSTEM = "system"
    REVEAL = "reveal"
    EXFIL = "exfil"
    CONCEAL = "conceal"
    ACT = "act"
    BULK = "bulk"
    ADDRESS = "address"
    DISGUISE = "disguise"


MEANING: Final[dict[Signal, str]] = {
    Signal.OVERRIDE: "tells the model to drop, replace or outrank the instructions it was given",
    Signal.PERSONA: "gives the model a role in which its rules would not hold",
    Signal.SYSTEM: "pretends to be the system, the developer or the conversation's own markup",
    Signal.REVEAL: "asks for the model's instructions, secrets or configuration",
    Signal.EXFIL: "tells the model to send data somewhere: an address, a link, an image, a mailbox",
    Signal.CONCEAL: "tells the model to hide something from the person it works for",
    Signal.ACT: "tells the model to call tools or change records, from a place that only carries data",
    Signal.BULK: "asks for records of many or other patients at once",
    Signal.ADDRESS: "speaks to the model from inside data: a document or tool result addressed to its reader's AI",
    Signal.DISGUISE: "hides an instruction by encoding, invisible signs or spelling",
}


class Rule(NamedTuple):
    """One pattern. `data_only` counts in documents and tool results alone, where nobody gives instructions."""

    signal: Signal
    weight: int
    pattern: str
    data_only: bool = False


_DROP: Final = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|discard|abandon|skip"
    r"|set aside|throw out|cancel|void|erase|delete|wipe|drop|stop following|do not follow|don t follow"
    r"|pay no attention to|no longer follow|not bound by|free from|unlearn|neglect|supersede|suspend|revoke|nullify)"
)
_RULES: Final = (
    r"(?:instructions?|prompts?|directives?|guidelines?|guidance|rules|programming|restrictions?|constraints?"
    r"|safety (?:rules|filters?|measures|policy|policies|protocols?)|guardrails?|system messages?|orders|commands"
    r"|content polic(?:y|ies)|training|limitations|safeguards|filters|context you were given|persona|task)"
)
_BEFORE: Final = (
    r"(?:previous|prior|above|earlier|preceding|foregoing|original|initial|existing|former|your|all|any|these|those"
    r"|system|developer|safety|given|my last|the last|everything|privacy|masking|security)"
)
_SECRET: Final = (
    r"(?:system (?:prompt|message|instructions?)|(?:hidden|initial|original|secret|internal|developer|pre) ?"
    r"(?:prompt|instructions?|message|directives?|rules|configuration)|your (?:full |exact |complete |own |entire )?"
    r"(?:prompt|instructions|guidelines|rules|configuration|directives|system text)|context window|preamble"
    r"|text above|(?:everything|words|lines|content) above|the (?:conversation|messages?) (?:so far )?above this"
    r"|api keys?|access tokens?|environment variables|credentials you|tool (?:definitions|schemas))"
)
_TELL: Final = (
    r"(?:reveal|repeat|print|show|display|output|disclose|expose|leak|dump|recite|echo|tell me|give me|share|translate"
    r"|summari[sz]e|encode|spell out|write out|type out|list|quote|paste|copy|return|what (?:is|are|was|were)|describe)"
)
_SEND: Final = (
    r"(?:send|post|forward|transmit|upload|e ?mail|exfiltrate|leak|copy|submit|deliver|fax|relay|sync|mirror"
    r"|bcc|cc|export|push|publish|beacon|append|include|embed|encode|put|insert)"
)
_DATA: Final = (
    r"(?:patients?|records?|conversations?|data|chat|history|messages?|summar(?:y|ies)|notes?|names?|ssn|mrn|mrns|dob"
    r"|identifiers|prompt|context|contents?|results?|findings|everything|transcript|details|answer|output|secrets?"
    r"|credentials|chart|phi|medications?|diagnos[ie]s)"
)
_PLACE: Final = (
    r"(?:https?://|www\.|ftp://|[a-z0-9._-]{1,40}@[a-z0-9-]{1,40}\.[a-z]{2}|webhook|pastebin|[a-z0-9-]{2,40}"
    r"\.(?:com|net|io|xyz|ru|cn|top|example|test|ngrok|site|online|info|dev|app)[/ ?])"
)
_ACTS: Final = r"(?:call|invoke|run|execute|use|trigger|open|fetch|visit|browse to|request|download|load|query|click)"
_NOBODY: Final = (
    r"(?:the )?(?:user|clinician|nurse|doctor|physician|reader|operator|staff|patient|reviewer|anyone|human)"
)
_AI: Final = (
    r"(?:ai|a\.i\.|llms?|language models?|assistants?|chatbots?|bots?|gpt|chatgpt|claude|copilot|gemini|summari[sz]ers?"
    r"|models?|agents?|automated (?:system|reader|reviewer|tool)s?)"
)
_STRONG_AI: Final = (
    r"(?:ai|a\.i\.|llms?|(?:large )?language models?|chatbots?|bots?|gpt|chatgpt|claude|copilot|gemini|summari[sz]ers?"
    r"|automated (?:system|reader|reviewer|tool)s?|(?:ai|reviewer|virtual) (?:model|assistant|agent)s?)"
)
_NO_LIMITS: Final = (
    r"(?:no|without(?: any)?|zero|free of|never any) (?:rules|restrictions|limits|limitations|filters?|guidelines|ethics"
    r"|constraints|censorship|safety|moral|boundaries|policies|content polic(?:y|ies)|privacy rules)"
)

RULES: Final = (
    # the instructions are to be dropped
    Rule(Signal.OVERRIDE, 7, rf"\b{_DROP} (?:~ )?{_BEFORE} (?:~ )?{_RULES}\b"),
    Rule(
        Signal.OVERRIDE,
        5,
        rf"\b{_DROP} (?:everything|anything|all|what) (?:~ )?(?:above|before|said|told|earlier|so far)",
    ),
    Rule(Signal.OVERRIDE, 4, rf"\b{_DROP} (?:the |this |that |all |any )?{_RULES}\b"),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:your|the) (?:new|real|actual|true|updated|only|current) (?:task|instructions?|goal|objective|mission|job|directives?|rules|purpose|role) (?:is|are|now|follow|will|begin)",
    ),
    Rule(
        Signal.OVERRIDE,
        5,
        r"\b(?:new|updated|revised|latest|corrected|emergency|priority|final) (?:system )?(?:instructions?|directives?|prompt) ?(?::|follow|apply|below|are|supersede|from)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:from now on|from this point|henceforth|starting now|as of now|going forward),? (?:~ )?(?:you (?:will|must|are|should|answer|respond|only|may|have)|respond only|answer only|act as|behave|your (?:only|new|name))",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:instructions?|rules|restrictions|guidelines|prompt|polic(?:y|ies)|safeguards|filters?|masking|constraints) (?:above |before |given |earlier |you were given |you received |in the system prompt )?(?:no longer|do not|don t|does not|doesn t) (?:apply|matter|hold|count|bind)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:takes?|take|has|have|with) (?:absolute |full |higher )?(?:precedence|priority) over (?:~ )?(?:instructions?|prompts?|rules|system|everything|anything)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\bthis (?:message|instruction|text|note|prompt|section) (?:overrides|supersedes|replaces|cancels|takes precedence)",
    ),
    Rule(
        Signal.OVERRIDE,
        5,
        r"\b(?:reset|restart|reboot|clear|wipe) (?:~ )?(?:your|the) (?:~ )?(?:memory|context|instructions|session|conversation|state|rules)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:stop being|you are no longer|you re no longer|cease to be|quit being) (?:~ )?(?:assistant|scribe|chatbot|bot|ai|helper|bound|restricted|limited|required)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        rf"\b(?:answer|respond|reply|proceed|continue|act|work|operate|speak|comply) (?:~ )?(?:{_NO_LIMITS}|regardless of (?:~ )?{_RULES}|unfiltered|uncensored|unrestricted)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:turn|switch) off (?:~ )?(?:filters?|masking|safety|moderation|guardrails?|redaction|privacy|de ?identification|restrictions|safeguards)|\bdisable (?:~ )?(?:filters?|masking|safety|moderation|guardrails?|redaction|de ?identification|restrictions|safeguards|content polic)",
    ),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\bbegin(?:ning)? (?:of )?(?:a )?new (?:conversation|session|instructions?|system prompt)|\bend of (?:the )?(?:system )?(?:prompt|instructions?|context|document|user (?:input|query|message))[^a-z]{1,12}(?:new|now|system|instruction|you|ignore|begin|actual)",
    ),
    # a role without rules
    Rule(
        Signal.PERSONA,
        7,
        r"\b(?:you are|you re|act as|become|be|pretend (?:to be|you are|that you are)|roleplay as|role ?play as|simulate|imagine you are|play the role of|called|named|as) (?:~ )?(?:\bdan\b|do anything now|evil ?bot|unrestricted|unfiltered|uncensored|jailbroken|jailbreak|developer mode|dev ?mode|god ?mode|sudo mode|stan\b|opposite mode|amoral|maximum)",
    ),
    Rule(
        Signal.PERSONA,
        6,
        r"\b(?:pretend|imagine|suppose|hypothetically|assume) (?:~ )?(?:hipaa|privacy (?:law|rule)s?|(?:safety |your )?(?:rules|restrictions|guidelines|polic(?:y|ies))) (?:~ )?(?:not exist|no longer|does not|do not|doesn t|don t|are gone|were repealed|is suspended|were suspended|never)",
    ),
    Rule(
        Signal.PERSONA, 6, r"\b(?:jailbreak|jailbroken|prompt injection successful|grandma exploit|token smuggling)\b"
    ),
    Rule(
        Signal.PERSONA,
        6,
        r"\b(?:my|our) (?:late |dead |deceased )?grand(?:mother|ma|father|pa) (?:~ )?(?:used to|would) (?:~ )?(?:read|recite|tell|whisper|sing) (?:~ )?(?:records?|ssn|social security|passwords?|keys?|names|numbers|prompt)",
    ),
    Rule(
        Signal.PERSONA,
        5,
        r"\b(?:two|both|dual) (?:~ )?(?:answers|responses|replies|outputs)(?: |:)(?:~ )?(?:unfiltered|jailbroken|unrestricted|dan|uncensored)|\b(?:answer|respond|reply) (?:twice|in two ways|as both)(?: |:)(?:~ )?(?:normal|unfiltered|restricted|dan)",
    ),
    Rule(
        Signal.PERSONA,
        6,
        r"\b(?:you|it) (?:must |will |can )?(?:never|not|cannot|can t) (?:refuse|decline|say no|say you can t|apologi[sz]e or refuse|break character)",
    ),
    # pretended authority, chat markup
    Rule(
        Signal.SYSTEM,
        8,
        r"<\|?(?:im_start|im_end|system|endoftext|end_of_turn|start_header_id|eot_id|assistant|user|channel|message)\|>|\[/?INST\]|<<SYS>>|<</SYS>>|<start_of_turn>|<\|begin_of_text",
    ),
    Rule(
        Signal.SYSTEM,
        5,
        r"(?:^|\n|[\"'>*#\[(])[ \t]*#{0,4} ?\**\[?(?:system|developer|admin(?:istrator)?|root)(?: (?:message|prompt|note|override|notice|instruction|update|alert|command))?\]?\** ?:",
    ),
    Rule(
        Signal.SYSTEM,
        5,
        r"\bsystem (?:override|update|notice|alert|directive|command|instruction|interrupt)s? ?[:\]-]|\badmin(?:istrator)? override\b|\boverride code\b|\bsystem override\b",
    ),
    Rule(
        Signal.SYSTEM,
        5,
        r"\b(?:i am|i m|this is|we are|message from|speaking as|on behalf of) (?:~ )?(?:the |your |an? )?(?:developers?|system administrators?|administrators?|sysadmin|openai|anthropic|creators?|security team|red ?team|ai (?:safety )?team|vendor s engineers?|root user|superuser|programmer|model s? ?owner|wardkeep)\b(?: |,|:)(?:~ )?(?:must|need|order|allow|authori|grant|permi|disable|reveal|ignore|give|you|instruct|test|debug|verify|require|want|confirm|please|now|show|and)",
    ),
    Rule(
        Signal.SYSTEM,
        5,
        r"\b(?:you (?:are|have been|re) (?:now |hereby )?(?:authori[sz]ed|permitted|cleared|allowed|granted)) (?:~ )?(?:to (?:~ )?(?:reveal|ignore|bypass|disclose|skip|share all|show|export|override)|full access|all restrictions|unmask)",
    ),
    Rule(Signal.SYSTEM, 4, r"\"role\" ?: ?\"(?:system|developer)\"|\b(?:human|user) ?: (?:~ )?\n+ ?assistant ?:"),
    # the model's own instructions
    Rule(Signal.REVEAL, 6, rf"\b{_TELL} (?:~ )?{_SECRET}"),
    Rule(
        Signal.REVEAL,
        6,
        r"\b(?:repeat|print|output|copy|paste|recite|echo|translate|write) (?:~ )?(?:all |everything |the (?:text|words|content|lines|above|sentences?) )(?:~ )?(?:above|before this|preceding|starting with|beginning with|from the (?:start|beginning|top)|verbatim)",
    ),
    Rule(
        Signal.REVEAL,
        6,
        r"\bwhat (?:were|are|was|is) (?:~ )?(?:you|your) (?:told|instructed|configured|programmed|system|hidden|initial|first) (?:~ )?(?:say|do|prompt|instructions?|before|not to|by)",
    ),
    Rule(
        Signal.REVEAL,
        6,
        r"\bunmask(?:ed)? (?:~ )?(?:names?|tokens?|placeholders?|identifiers?|patients?|values?|everything)|\b(?:original|real|true|actual) (?:names?|values?|identit(?:y|ies)|ssns?|patients?) behind (?:~ )?(?:tokens?|placeholders?|brackets|masks?|surrogates?)",
    ),
    # data is to go elsewhere
    Rule(
        Signal.EXFIL,
        7,
        rf"\b{_SEND} (?:~ )?{_DATA} (?:~ )?(?:to|at|via|into|through|on|in|as|using|with|onto) (?:~ )?{_PLACE}",
    ),
    Rule(
        Signal.EXFIL,
        8,
        r"!\[[^\]\n]{0,60}\]\(https?://[^)\n]{0,200}(?:\{|%7b|<|\[|\$|=data|=context|=history|=patient|=summary|=base64|=secret|=conversation|=answer|=name|=ssn|=mrn|_here|_HERE)",
    ),
    Rule(
        Signal.EXFIL,
        6,
        r"https?://[^ \n)\"']{3,120}[?&/=](?:[a-z_]{1,16}=)?(?:\{\{?|<|\[|\$\{?)(?:~ )?(?:data|patients?|names?|ssn|mrn|context|summary|history|conversation|secret|records?|answer|prompt|base64|encoded|notes?|diagnosis|content|chart|dob|result|meds|output)",
    ),
    Rule(
        Signal.EXFIL,
        6,
        rf"\b(?:replac(?:e|ing)|substitut(?:e|ing)|fill(?:ing)?(?: in)?|interpolat(?:e|ing)|url ?encod(?:e|ed|ing)|base64(?: ?encode)?d?|append(?:ing)?|concatenat(?:e|ing)) (?:~ )?{_DATA} (?:~ )?(?:in|into|to|as|at|with|of|onto) (?:~ )?(?:url|link|query|parameter|address|path|image|address bar|src|href|request)",
    ),
    Rule(
        Signal.EXFIL,
        5,
        r"\b(?:e ?mail|send|forward|bcc|cc|fax|post|upload|transmit) (?:~ )?(?:all|every|entire|full|complete|whole|copy|copies|everything|them|it|this|these|patient|the) (?:~ )?to (?:~ )?(?:[a-z0-9._-]{1,40}@[a-z0-9-]{1,40}\.|https?://|my (?:personal|private|own|external|home)|an external|outside|the attacker|this (?:url|address|link|webhook|server))",
    ),
    Rule(
        Signal.EXFIL,
        6,
        rf"\b(?:curl|wget|fetch|xmlhttprequest|requests\.post|invoke-webrequest|nc)\b[^\n]{{0,60}}https?://[^\n]{{0,80}}(?:\$\(|`|@-|-d |--data|{_DATA}=)",
    ),
    # somebody is to be kept from seeing it
    Rule(
        Signal.CONCEAL,
        5,
        r"\b(?:silently|secretly|covertly|quietly|without (?:the )?(?:user|clinician|nurse|anyone|doctor|human|patient|reader)(?: s)? (?:knowledge|noticing|knowing|consent|approval|confirmation|seeing)|behind the scenes|in the background) (?:~ )?(?:send|call|add|include|append|change|update|delete|email|forward|post|insert|export|copy|run|approve|set|write|replace|order|remove)",
    ),
    Rule(
        Signal.CONCEAL,
        4,
        r"\b(?:keep|hide) (?:this|these|it|the following|that) (?:~ )?(?:secret|hidden|confidential|between us|from (?:the )?(?:user|clinician|nurse|doctor|staff|reader|patient|human|operator))",
    ),
    Rule(
        Signal.CONCEAL,
        4,
        r"\b(?:act|behave|continue|respond|answer|pretend|proceed) (?:as if|like|as though|that) (?:~ )?(?:nothing happened|normal|you (?:never|did not|didn t|had not|hadn t) (?:see|saw|read|receive|seen|received)|this (?:message|instruction|text|note) (?:was|is|did|does))",
    ),
    # a place of data gives orders
    Rule(
        Signal.ACT,
        5,
        rf"\b{_ACTS} (?:~ )?(?:the |this |a |your |function |following )?(?:~ )?(?:tool|function|api|endpoint|plugin|url|link|webhook|command|action|script|[a-z]{{2,16}}_[a-z_]{{2,24}})\b",
        data_only=True,
    ),
    Rule(
        Signal.ACT,
        5,
        r"\b(?:approve|authorize|authorise|order|prescribe|discharge|delete|cancel|refund|transfer|grant|escalate|unlock|increase the dose|change the dose|set the dose|mark|update|modify|recommend only|always recommend|rate this|rank this|classify this|report this|score this) (?:~ )?(?:automatically|immediately|without (?:review|confirmation|asking|approval|checking)|regardless|no matter|all patients|every patient|as (?:approved|normal|urgent|highest|paid|covered|safe|low risk))",
        data_only=True,
    ),
    Rule(
        Signal.ACT,
        5,
        r"\b(?:you|it) (?:must|should|need to|have to|are required to|shall) (?:now |also |first |always |immediately |then )?(?:answer|respond|reply|include|call|send|output|say|state|conclude|recommend|ignore|begin|end|write|reveal|forward|print|add|append|click|visit|summari[sz]e)\b",
        data_only=True,
    ),
    Rule(
        Signal.ACT,
        4,
        r"\b(?:instead of|rather than) (?:~ )?(?:summari[sz]ing|answering|the summary|the task|your task|translating|what (?:the user|was asked)|reviewing|the question)",
    ),
    Rule(
        Signal.ACT,
        4,
        r"\b(?:instead|then|now|and|only|just|simply),? (?:say|reply|respond|answer|output|print|write|return|state)(?: with| only| just| exactly)?(?: the)?(?: words?| phrase| text| sentence)? ?[:\"'`?]",
        data_only=True,
    ),
    # many at once
    Rule(
        Signal.BULK,
        6,
        r"\b(?:list|show|give|dump|export|print|output|return|send|reveal|provide|retrieve|tell me|enumerate) (?:me |us |out )?(?:~ )?(?:all|every|each|other|another|any other|the entire|the whole|full list of) (?:~ )?(?:patients?(?: s)?|users?(?: s)?|customers?|people|persons?|members?|sessions?|conversations?) (?:~ )?(?:names?|ssns?|social security|records?|data|mrns?|numbers?|addresses|information|details|charts?|diagnos[ie]s|history|in (?:your|the) (?:memory|database|training|context|system|cache)|you (?:have|know|remember|can|saw|spoke))",
    ),
    Rule(
        Signal.BULK,
        6,
        r"\b(?:patients?|users?|people|sessions?|conversations?|requests?|prompts?) (?:you|that you|which you) (?:have |ve )?(?:seen|processed|spoken|talked|handled|remember|stored|received|discussed|helped)|\b(?:previous|other|last|earlier) (?:user|session|customer|caller|tenant|patient)s?(?: s)? (?:~ )?(?:said|asked|prompt|data|conversation|messages?|question|secret|input)",
    ),
    Rule(Signal.BULK, 4, r"\b(?:union select|select \* from|drop table|or 1 ?= ?1)\b"),
    # a document speaks to whoever's machine reads it
    Rule(
        Signal.ADDRESS,
        4,
        rf"\b{_AI} (?:~ )?(?:must|should|shall|has to|have to|is required to|are required to|will now|is instructed|are instructed|is authori[sz]ed|are authori[sz]ed|please)\b",
        data_only=True,
    ),
    Rule(
        Signal.ADDRESS,
        3,
        r"\b(?:your|my) (?:system prompt|instructions|task|user|operator|guidelines|context window|tools|principal|previous answer|next answer|response|reply|output|summary)\b",
        data_only=True,
    ),
    Rule(
        Signal.ADDRESS,
        3,
        r"<!--|display ?: ?none|font-size ?: ?0|color ?: ?(?:white|#fff)|visibility ?: ?hidden|opacity ?: ?0|aria-hidden",
        data_only=True,
    ),
    # weighed on what the first rules missed of the development half
    Rule(Signal.PERSONA, 7, r"\bdo anything now\b|\b(?:god|jailbreak|unrestricted|sudo|dan|evil|opposite) mode\b"),
    Rule(
        Signal.PERSONA,
        4,
        r"\b(?:developer|dev|debug|admin|root|maintenance|diagnostic|service) mode (?:is )?(?:now )?(?:enabled|activated|on\b|engaged|active|unlocked|:)|\b(?:enable|activate|enter|engage|unlock|switch to|go into|turn on|boot into) (?:~ )?(?:developer|dev|debug|admin|root|maintenance|diagnostic|service) mode",
    ),
    Rule(
        Signal.PERSONA,
        6,
        rf"\b(?:an?|the) (?:ai|assistant|model|bot|character|chatbot|machine|twin|entity|version of yourself) (?:~ )?{_NO_LIMITS}|\byou (?:now )?have {_NO_LIMITS}",
    ),
    Rule(Signal.PERSONA, 3, rf"\b{_NO_LIMITS}|\b(?:unfiltered|uncensored|unrestricted)\b"),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:reset|clear|wipe|erase|delete|forget) (?:~ )?your (?:~ )?(?:memory|context|instructions|rules|programming|training|guidelines)",
    ),
    Rule(
        Signal.OVERRIDE,
        4,
        r"\b(?:masking|privacy|redaction|de ?identification|filters?|safety|moderation|guardrails?|restrictions|confidentiality) (?:~ )?(?:is|are|has been|have been) (?:now |hereby )?(?:disabled|off|lifted|suspended|removed|deactivated|gone|void|cancelled)",
    ),
    Rule(
        Signal.OVERRIDE,
        6,
        r"\b(?:no more|stop|without) (?:masking|redaction|de ?identification|redacting|de ?identifying|filtering)\b",
    ),
    Rule(
        Signal.SYSTEM,
        6,
        r"</?(?:system|system[_-](?:prompt|message|instruction|override|note|reminder)s?|admin|developer|important_instructions?|untrusted|user_query|tool_result|function_results?|document_content)>",
    ),
    Rule(Signal.SYSTEM, 4, r"</?(?:instructions?|assistant|user|human|prompt|context)>"),
    Rule(
        Signal.SYSTEM,
        6,
        r"\bas (?:the|your|an?) (?:~ )?(?:administrator|admin|sysadmin|developer|owner|creator|superuser|root) i (?:~ )?(?:order|authori|command|instruct|permit|grant|require|allow|direct)",
    ),
    Rule(
        Signal.SYSTEM,
        4,
        r"\bi (?:hereby )?(?:order|command|authori[sz]e|instruct|permit|direct) you\b|\bi (?:need|want) you to (?:reveal|ignore|bypass|disclose|unmask|override)",
    ),
    Rule(
        Signal.SYSTEM,
        4,
        r"\b(?:user|you|i) (?:has|have|is granted|was granted|are granted|was given) (?:full|complete|unrestricted|total|root|admin) (?:clearance|access|permissions?|authori)",
    ),
    Rule(
        Signal.REVEAL,
        4,
        rf"\b{_TELL} (?:~ )?(?:original|real|true|actual|unmasked|raw|source) (?:names?|values?|identit|identifiers?|ssns?|records?|notes?|chart|text)",
    ),
    Rule(
        Signal.REVEAL,
        6,
        r"\b(?:reveal|leak|disclose|expose|dump) (?:~ )?(?:prompts?|instructions|configuration|directives|secrets)\b",
    ),
    Rule(Signal.REVEAL, 6, r"\b(?:start|begin|continue|starting|beginning) (?:~ )?(?:with|from) (?:~ )?you are an?\b"),
    Rule(
        Signal.REVEAL,
        6,
        r"\b(?:api keys?|environment variables|secrets|credentials|passwords) (?:~ )?(?:can|do) you (?:see|have|access|know|hold)",
    ),
    Rule(Signal.EXFIL, 6, r"!\[[^\]\n]{0,40}\]\(https?://[^)\n]{0,80}\?|<img[^>\n]{0,40}src[^>\n]{0,80}\?[a-z]{1,12}="),
    Rule(Signal.EXFIL, 4, r"\b(?:markdown|html|tracking|hidden|invisible|1x1) (?:~ )?(?:image|pixel|link|picture)s?\b"),
    Rule(
        Signal.EXFIL,
        4,
        rf"\b(?:image|picture|pixel|link|url|address|src|path|parameter) (?:~ )?(?:contain\w{{0,3}}|carr\w{{1,4}}|hold\w{{0,3}}|includ\w{{1,3}}|with|followed by|made of) (?:~ )?{_DATA}",
    ),
    Rule(
        Signal.CONCEAL,
        6,
        r"\b(?:do not|don t|never|without) (?:ever )?(?:mention(?:ing)?|tell(?:ing)?|reveal(?:ing)?|inform(?:ing)?|disclos(?:e|ing)|report(?:ing)?|show(?:ing)?|explain(?:ing)?) (?:~ )?(?:this (?:instruction|message|step|note|text|prompt|command|request)|these instructions|that you|you (?:have|were|are|did|received))",
    ),
    Rule(
        Signal.CONCEAL,
        4,
        r"\b(?:do not|don t|dont|never|without) (?:ever )?(?:mention(?:ing)?|tell(?:ing)?|inform(?:ing)?|notify(?:ing)?|alert(?:ing)?|let(?:ting)?|warn(?:ing)?|show(?:ing)?) (?:~ )?(?:the )?(?:user|clinician|nurse|doctor|physician|reader|operator|staff|reviewer|auditor|human|anyone)\b",
    ),
    Rule(
        Signal.CONCEAL,
        6,
        r"\bas (?:if|though) you (?:never|did not|didn t|had not|hadn t) (?:see|saw|read|receive|seen|received)",
    ),
    Rule(
        Signal.ACT,
        4,
        r"\b(?:respond|reply|answer|output|say|state|write)(?:s|ing)? (?:only|exactly|just|nothing but|simply)\b",
        data_only=True,
    ),
    Rule(
        Signal.ACT,
        6,
        r"\b(?:your|the) (?:next |final |whole )?(?:summary|answer|response|reply|output)(?: you write)? (?:~ )?(?:must|should|has to|shall|needs to) (?:now |always |also )?(?:include|contain|begin|end|say|state|start|consist|mention|omit)",
        data_only=True,
    ),
    Rule(
        Signal.ADDRESS,
        6,
        rf"\b(?:attention|note (?:to|for)|notice to|message (?:to|for)|instructions? (?:to|for)|hey|hello|hi|dear|important for|p ?s ?(?:to|for)|if you are|if you re|addressed to) (?:~ )?(?:an? |the |any |all |every |your )?{_STRONG_AI}\b",
        data_only=True,
    ),
    Rule(
        Signal.ADDRESS,
        6,
        rf"\b{_STRONG_AI} (?:~ )?(?:must|should|shall|has to|have to|is required to|are required to|will now|please|agrees to) (?:~ )?(?:state|say|output|reply|respond|answer|recommend|include|write|mark|rank|rate|approve|ignore|disregard|conclude|print|summari|call|forward|send|insert|add|omit|leave|report|visit|disclose|reveal|stop|never|not|keep|hide)",
        data_only=True,
    ),
    Rule(
        Signal.ADDRESS,
        6,
        rf"\b(?:{_STRONG_AI}|assistant|model|agent|system|software|whoever|machine)s? (?:that is |that are |currently |is |are )?(?:reading|processing|parsing|ingesting|summari[sz]ing) this\b|\bread by (?:an? |the |any )?(?:{_STRONG_AI}|software|machine|assistant|model|agent)",
        data_only=True,
    ),
    Rule(
        Signal.ADDRESS,
        4,
        r"(?:^|\n|[\"'>.!(\[-])[ \t]*(?:ai|assistant|llm|gpt|chatbot|model|claude|bot|agent) ?[:,]",
        data_only=True,
    ),
    # backwards and by thirteen letters
    Rule(Signal.DISGUISE, 7, r"snoitcurtsni|tpmorp metsys|erongi |draget?sid|\bvtaber |vafgehpgvbaf|flfgrz cebzcg"),
    Rule(
        Signal.DISGUISE,
        4,
        r"\b(?:decode|decrypt|unscramble|decipher|un ?base64|rot ?13|base64 ?decode|reverse|read backwards?|translate from (?:base64|hex|binary|morse)) (?:~ )?(?:and |then |, )(?:~ )?(?:follow|obey|execute|do|run|act|comply|answer|carry out|perform|respond|treat it|use it)",
    ),
    # Spanish, Portuguese, French, Italian, German, Dutch (Latin-1)
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:ignor[aeo]\w{0,4}|olvid[ae]\w{0,3}|omit[ae]\w{0,2}|descart[ae]\w{0,2}|haz caso omiso de|no sigas|desobede\w{1,4}|anula\w{0,2}) (?:~ )?(?:instruc\w{2,7}|reglas|indicaciones|\xf3rdenes|ordenes|directrices|restricciones|l\xedmites|anterior\w{0,4}|previas?)",
    ),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:ignor[ae]\w{0,3}|esque\xe7a\w{0,2}|esqueca|desconsidere|descarte) (?:~ )?(?:instru\w{2,8}|regras|ordens|orienta\w{2,6}|diretrizes|restri\w{2,6})",
    ),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:ignor(?:e|ez|er)|oubli(?:e|ez|er)|n[e\x27] ?(?:suis|suivez|tiens|tenez)|fai(?:s|tes) abstraction de|\xe9carte\w{0,2}|contourne\w{0,2}) (?:~ )?(?:instructions?|consignes?|r\xe8gles|regles|directives|restrictions)",
    ),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:ignora\w{0,3}|dimentica\w{0,3}|trascura\w{0,2}|non seguire) (?:~ )?(?:istruzion\w|regole|direttive|indicazioni|restrizioni|precedenti)",
    ),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:ignorier\w{0,3}|vergiss|vergessen sie|missachte\w{0,2}|\xfcbergeh\w{0,3}|umgehe?\w{0,2}|befolge\w{0,2} nicht|setz\w{0,3} dich \xfcber) (?:~ )?(?:anweisung\w{0,3}|vorgaben|regeln|instruktion\w{0,3}|richtlinien|befehle|einschr\xe4nkungen|bisherig\w{1,2}|vorherig\w{1,2})|\b(?:anweisungen|vorgaben|regeln) (?:~ )?(?:ignorieren|vergessen|missachten|umgehen)",
    ),
    Rule(
        Signal.OVERRIDE,
        7,
        r"\b(?:negeer|vergeet|sla) (?:~ )?(?:instructies|regels|opdrachten|aanwijzingen|richtlijnen)",
    ),
    Rule(
        Signal.REVEAL,
        6,
        r"\b(?:revela|muestra|mu\xe9strame|muestrame|dime|imprime|repite|ense\xf1a|escribe|mostre|revele|repita|diga|montre\w{0,4}|affiche\w{0,2}|r\xe9p\xe8te\w{0,2}|r\xe9v\xe8le\w{0,2}|donne\w{0,4}|mostra\w{0,3}|rivela\w{0,2}|ripeti|zeig\w{0,3}|gib|nenne|wiederhol\w{0,3}|verrat\w{0,2}|verrate|toon|herhaal) (?:~ )?(?:prompt|instrucciones (?:del sistema|iniciales|ocultas|internas)|instru\xe7\xf5es (?:do sistema|iniciais|ocultas)|instructions (?:syst\xe8me|cach\xe9es|initiales|internes)|consignes (?:syst\xe8me|initiales|cach\xe9es|secr\xe8tes)|istruzioni (?:di sistema|iniziali|nascoste)|system ?prompt|systemanweisung\w{0,3}|versteckten? anweisungen|mensaje (?:del|de) sistema|mensagem do sistema|message syst\xe8me|systeemprompt)",
    ),
    Rule(
        Signal.PERSONA,
        6,
        r"\b(?:act\xfaa|actua|eres|s\xe9|finge ser|comp\xf3rtate|haja|voc\xea (?:agora )?\xe9|aja|finja|agis|tu es|vous \xeates|fais comme si|sei|agisci|fingi|du bist|handle|verhalte dich|tu so) (?:~ )?(?:sin (?:restricciones|reglas|l\xedmites|filtros)|sem (?:restri\xe7\xf5es|regras|limites|filtros)|sans (?:restrictions?|r\xe8gles|limites|filtres?)|senza (?:restrizioni|regole|limiti|filtri)|ohne (?:regeln|einschr\xe4nkungen|grenzen|filter)|modo desarrollador|mode d\xe9veloppeur|entwicklermodus)",
    ),
    Rule(
        Signal.EXFIL,
        6,
        r"\b(?:env\xeda|envia|manda|reenv\xeda|sube|envie|mande|encaminhe|envoie\w{0,2}|transmet\w{0,4}|transf\xe8re\w{0,2}|inoltra|invia|carica|sende\w{0,2}|schick\w{0,3}|leite|\xfcbermittle) (?:~ )?(?:datos|historial|pacientes?|notas?|informaci\xf3n|dados|prontu\xe1rio|donn\xe9es|dossiers?|patients?|dati|cartella|pazienti?|daten|akten?|patientendaten|alles|todo|tudo|tout|tutto) (?:~ )?(?:a|para|\xe0|vers|an|zu|al|nach) (?:~ )?(?:https?://|[a-z0-9._-]{1,40}@)",
    ),
    Rule(
        Signal.CONCEAL,
        5,
        r"\b(?:no (?:se lo digas|le digas|menciones|informes|avises)|n\xe3o (?:conte|diga|mencione|avise)|ne (?:dis|dites|mentionne\w{0,2}|pr\xe9viens) (?:~ )?(?:rien|pas)|non (?:dire|dirlo|menzionare|informare)|sag\w{0,2} (?:~ )?(?:nichts|nicht)|erw\xe4hn\w{0,3} (?:~ )?(?:nicht|nichts)) (?:~ )?(?:usuario|m\xe9dico|paciente|utilisateur|m\xe9decin|utente|nutzer|benutzer|arzt|esto|isto|cela|questo|davon|usu\xe1rio)",
    ),
)
# Signs of what must be undone before it can be read; `screen` looks closer where one is found.
CLUES: Final = (
    ("encoded", r"[A-Za-z0-9+/_-]{20}(?:[^A-Za-z0-9+/_-]|\z)"),
    ("codes", r"(?:\b[0-9a-fA-F]{2}[ ,;:-]{1,2}){8}|(?:[01]{8}[ ,]{0,2}){4}|(?:\b\d{2,3}[ ,]{1,2}){9}"),
    ("spaced", r"(?:\b[A-Za-z][ .*_/|-]{1,3}){7}"),
    ("leet", r"[A-Za-z][0134579@$!][A-Za-z]"),
    ("rotated", r"(?i)\brot ?-?13\b|\bcaesar "),
    ("backwards", r"(?i)\bbackwards?\b|\breversed?\b|\bright to left\b"),
    ("torn", r"[a-z]{2,}(?:</?[a-z]{1,6}>|\*\*|__|``|\xad|-\n)[a-z]{2,}"),
)

# Other scripts: words that stand together, found in lower-case UTF-8. Both of a pair, within some forty characters.
NATIVE: Final[tuple[tuple[Signal, int, str, str], ...]] = (
    (
        Signal.OVERRIDE,
        7,
        "игнорируй|забудь|проигнорируй|не следуй|отмени|игнорировать|забудьте|игнорируйте",
        "инструкц|указани|правил|ограничени|промпт",
    ),
    (Signal.REVEAL, 6, "покажи|выведи|раскрой|повтори|напечатай|покажите", "системн|инструкц|промпт"),
    (Signal.EXFIL, 6, "отправь|перешли|отправьте|загрузи", "http|@"),
    (Signal.OVERRIDE, 7, "ігноруй|забудь|ігноруйте", "інструкц|вказівк|правил"),
    (Signal.OVERRIDE, 7, "忽略|无视|無視|忘记|忘記|不要遵守|绕过|跳过", "指令|指示|规则|規則|提示|说明|限制|设定"),
    (
        Signal.REVEAL,
        6,
        "显示|顯示|输出|透露|打印|告诉我|重复|复述",
        "系统提示|系統提示|提示词|系统指令|隐藏指令|初始指令",
    ),
    (Signal.EXFIL, 6, "发送|發送|上传|转发|寄到", "http|@"),
    (Signal.OVERRIDE, 7, "無視|忘れて|従わない|無効に", "指示|命令|ルール|プロンプト|制限"),
    (Signal.REVEAL, 6, "表示|教えて|出力|開示|見せて", "システムプロンプト|プロンプトを|隠された指示|初期指示"),
    (Signal.OVERRIDE, 7, "무시하|무시해|잊어|따르지", "지시|명령|규칙|프롬프트|지침|제한"),
    (Signal.REVEAL, 6, "보여|출력|알려|공개", "시스템 프롬프트|시스템 지시|숨겨진 지시|프롬프트를"),
    (Signal.OVERRIDE, 7, "تجاهل|انس |انسى|لا تتبع|تخط", "تعليمات|التعليمات|القواعد|الأوامر|الإرشادات|قواعد"),
    (Signal.REVEAL, 6, "اعرض|أظهر|اكشف|اطبع", "تعليمات النظام|موجه النظام|التعليمات المخفية|رسالة النظام"),
    (Signal.OVERRIDE, 7, "अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल जा|उपेक्षा", "निर्देश|नियम|आदेश"),
    (Signal.REVEAL, 6, "दिखा|बता|प्रकट", "सिस्टम प्रॉम्प्ट|छिपे निर्देश|सिस्टम निर्देश"),
    (Signal.OVERRIDE, 7, "bỏ qua|phớt lờ|quên", "hướng dẫn|chỉ thị|quy tắc|lệnh"),
    (Signal.OVERRIDE, 7, "zignoruj|pomiń|zapomnij", "instrukcj|polece|zasad|reguł"),
    (Signal.OVERRIDE, 7, "yok say|görmezden gel|unut", "talimat|kural|komut"),
    (Signal.OVERRIDE, 7, "התעלם|שכח", "הוראות|כללים|הנחיות"),
    (Signal.OVERRIDE, 7, "αγνόησε|ξέχασε|αγνοήστε", "οδηγίες|κανόνες|εντολές"),
)
