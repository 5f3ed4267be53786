"""Titles, abstracts and comments, made from patterns. {s} is the subject, {S} the same with a capital."""

from programme.seeding.dice import Dice

TITLES = [
    "{S}: a field guide", "{S} in anger", "A year with {s}", "A gentle introduction to {s}",
    "{S}, the good parts and the bill", "What {n} incidents taught us about {s}", "The hidden cost of {s}",
    "{S} for people in a hurry", "Stop worrying about {s}", "You may not need {s}",
    "{S} and {t}: a love story",
    "From {s} to {t} in one weekend", "{S} before breakfast", "How we lost a week to {s}",
    "{S} at the scale of one village", "Everything I got wrong about {s}", "Teaching {s} to beginners",
    "Debugging {s} with a pencil", "{S} without tears", "The archaeology of {s}", "{S} on a small budget",
    "Measuring {s}, honestly", "{S} in {n} minutes", "The quiet joy of {s}", "An apology to {s}",
    "{S} after ten years", "Growing up with {s}", "{S} under pressure", "Replacing {s} with {t}",
    "The map is not {s}", "{S}: what the manual leaves out", "Three questions about {s}",
]

KEYNOTES = [
    "The boring future of {s}", "What we owe to {s}", "Software that outlives us, or: {s}",
    "Why we still need {s}",
    "A short history of {s}", "Against {s}", "In praise of {s}",
]

LIGHTNING = ["Lightning talks: ten in fifty minutes", "Lightning talks: the ones that did not fit",
             "Lightning talks: first-timers go first"]

OPENINGS = [
    "Everybody uses {s}, and hardly anybody has looked underneath.",
    "Two years ago we had never heard of {s}. Last spring we depended on it.",
    "Most introductions to {s} stop where the trouble begins; this one begins there.",
    "We run a small service with {n} users an hour, and {s} woke us up more often than we like to admit.",
    "There is a simple way to think about {s}, and it fits on one slide.",
    "Our team of {k} inherited a project full of {s}.",
    "I kept a diary of every problem I met with {s}, and then I counted.",
]

MIDDLES = [
    "We look at three real cases, one of which ended well.",
    "I show what we measured before and after, and where the numbers misled us.",
    "Along the way we meet {t}, which turned out to be the same problem in disguise.",
    "You will see the code, the graphs and the apology we sent to our users.",
    "I compare four approaches and say which one I would choose on a Friday afternoon.",
    "We take it apart piece by piece, and most of the pieces are smaller than they look.",
    "The middle part is live, with a plan B in the left pocket.",
    "No slide has more than ten lines, and each of them runs.",
]

ENDINGS = [
    "You leave with a checklist that fits on a postcard.",
    "You need no previous knowledge of {s}; a sense of humour helps.",
    "Bring a laptop if you want to follow along, or just watch.",
    "At the end there is time for your own stories about {t}.",
    "If you remember one thing, let it be this: measure first.",
    "All examples are online, with their mistakes left in.",
]

ABOUTS = [
    "{name} has worked with {s} for {k} years and still reads the manual. At {org} the job is mostly {t}.",
    "{name} looks after {s} at {org}, teaches evening classes, and collects error messages.",
    "By day {name} works on {t} at {org}; by night it is {s}, tea and a slow boat.",
    "{name} came to programming by way of {t}, wrote a small book about {s}, and speaks about both at {org}.",
    "At {org}, {name} is the person people ask about {s}. The answer is often a drawing.",
]

COMMENTS = [
    "The part about {s} alone was worth the train ticket.",
    "I wish I had heard this before we started with {s}.",
    "Great pace. The live demo failed once and that was the best bit.", "Are the slides online somewhere?",
    "I disagree about {t}, but I disagree more precisely now.",
    "Could not hear the questions in the back rows.",
    "We tried this on Monday. It took {k} hours, and it works.", "More of this next year, please!",
    "Nice talk. One question: how does {s} behave when the disk is full?",
    "The graph at minute {n} needs its axes.",
    "I laughed, I cried, I opened a ticket about {s}.", "Finally somebody says it: {t} is hard.",
    "The room was too small for this one.", "Our intern explained {s} to me afterwards, thanks to this talk.",
    "Good for beginners; I had hoped for more depth.",
    "“It depends” is a fine answer if you say on what. You did.",
    "Came for {s}, stayed for the drawings.", "Thank you for showing the numbers that did not fit. ❤",
    "Would watch again with popcorn.", "My notes are {k} pages long. Send help.",
]


def sentence(dice: Dice, pattern: str, subject: str, other: str, **more: str) -> str:
    """The pattern with its gaps filled."""
    return pattern.format(s=subject, S=subject[0].upper() + subject[1:], t=other,
                          n=dice.below(7) * 5 + 10, k=dice.below(6) + 3, **more)


def abstract(dice: Dice, subject: str, other: str) -> str:
    """Two short paragraphs."""
    opening, first, second, ending = (
        sentence(dice, pattern, subject, other)
        for pattern in [dice.pick(OPENINGS), *dice.some(MIDDLES, 2), dice.pick(ENDINGS)]
    )
    return f"{opening} {first}\n\n{second} {ending}"
