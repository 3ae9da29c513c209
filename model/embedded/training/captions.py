"""The words: what a picture may be called in training, and the one caption it is judged by.

A record (data.py) becomes captions such as "a red apple, flat style", "red apple", "a picture of an apple".
"""

import random

STYLES = ("noto", "flat")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
COLOUR_WORDS = {*COLOURS, "black", "white", "brown", "grey", "light"}

# What people type, where Unicode's name is another.
ALIASES = {
    "automobile": ["car"], "hamburger": ["burger"], "doughnut": ["donut"], "honeybee": ["bee"], "lady beetle": ["ladybug", "ladybird"],
    "airplane": ["plane"], "red heart": ["heart"], "soccer ball": ["football", "ball"], "hot beverage": ["coffee", "cup of coffee"],
    "mobile phone": ["phone", "smartphone"], "beer mug": ["beer"], "evergreen tree": ["fir tree"], "deciduous tree": ["tree"],
    "T-Rex": ["dinosaur"], "sauropod": ["brontosaurus"], "pile of poo": ["poo"], "grinning face": ["happy face"],
    "slightly smiling face": ["smiley"], "jack-o-lantern": ["pumpkin"], "wrapped gift": ["gift", "present"], "ear of corn": ["corn"],
    "hot pepper": ["chili"], "baguette bread": ["baguette"], "cheese wedge": ["cheese"], "poultry leg": ["chicken leg"],
    "french fries": ["fries"], "steaming bowl": ["noodle soup"], "soft ice cream": ["ice cream"], "birthday cake": ["cake"],
    "shortcake": ["piece of cake"], "wine glass": ["glass of wine"], "cup with straw": ["soft drink"], "ice": ["ice cube"],
    "kitchen knife": ["knife"], "lion": ["lion face"], "ewe": ["sheep"], "ram": ["sheep with horns"], "hatching chick": ["chick in an egg"],
    "baby chick": ["chick"], "spouting whale": ["happy whale"], "blowfish": ["pufferfish"], "spiral shell": ["shell"], "bug": ["caterpillar"],
    "cherry blossom": ["pink flower"], "fallen leaf": ["brown leaf"], "face with tears of joy": ["laughing face"],
    "smiling face with sunglasses": ["face with sunglasses"], "smiling face with heart-eyes": ["face in love"], "enraged face": ["red angry face"],
    "loudly crying face": ["sobbing face"], "nerd face": ["face with glasses"], "flexed biceps": ["strong arm"], "collision": ["explosion"],
    "speech balloon": ["speech bubble"], "fire engine": ["fire truck"], "delivery truck": ["truck"], "racing car": ["race car"],
    "locomotive": ["steam train"], "flying saucer": ["ufo"], "sailboat": ["boat"], "passenger ship": ["cruise ship"],
    "vertical traffic light": ["traffic light"], "fuel pump": ["petrol pump"], "snow-capped mountain": ["mountain"], "desert island": ["island"],
    "globe showing Europe-Africa": ["earth", "globe"], "crescent moon": ["moon"], "full moon face": ["moon with a face"], "high voltage": ["lightning"],
    "ringed planet": ["planet", "saturn"], "droplet": ["drop of water"], "water wave": ["wave"], "snowman without snow": ["snowman"],
    "1st place medal": ["gold medal"], "american football": ["rugby ball"], "bullseye": ["target"], "video game": ["game controller"],
    "game die": ["dice"], "chess pawn": ["pawn"], "artist palette": ["palette"], "necktie": ["tie"], "woman’s boot": ["boot"],
    "running shoe": ["sneaker"], "high-heeled shoe": ["high heel"], "woman’s hat": ["sun hat"], "gem stone": ["diamond"],
    "musical keyboard": ["piano"], "desktop computer": ["computer"], "floppy disk": ["disk"], "optical disk": ["cd"], "headphone": ["headphones"],
    "magnifying glass tilted left": ["magnifying glass"], "red paper lantern": ["lantern"], "closed book": ["red book"], "open book": ["book"],
    "money bag": ["bag of money"], "dollar banknote": ["dollar bill"], "package": ["box"], "file folder": ["folder"], "locked": ["padlock", "lock"],
    "bow and arrow": ["bow"], "balance scale": ["scales"], "pushpin": ["pin"], "shopping cart": ["cart"], "studio microphone": ["microphone"],
    "snowboarder": ["snowboard"], "glowing star": ["shining star"], "potted plant": ["plant in a pot"], "sheaf of rice": ["rice plant"],
}

# Tinted pictures that training never sees, so that they can be asked for afterwards ("a blue apple").
HELD_OUT = {
    ("blue", "apple"), ("purple", "cat face"), ("green", "automobile"), ("pink", "elephant"), ("blue", "rose"), ("red", "frog"),
    ("purple", "banana"), ("green", "pig face"), ("yellow", "t-shirt"), ("orange", "whale"), ("blue", "lion"), ("pink", "tree"),
    ("pink", "deciduous tree"), ("purple", "teapot"), ("green", "octopus"), ("red", "banana"),
}


PEOPLE = {"baby", "boy", "girl", "man", "woman", "person", "prince", "princess", "mage", "vampire", "zombie", "ninja", "astronaut", "ear", "Claus"}


def is_person(name: str) -> bool:
    return not PEOPLE.isdisjoint(name.replace("’s", "").split()) or name.endswith(("worker", "maid"))


def clean(name: str) -> str:
    return name.replace("’", "'").replace(":", "").replace("“", "").replace("”", "").lower()


def bare(name: str) -> str:
    """The name without its colour: "red apple" -> "apple"."""
    return " ".join(word for word in clean(name).split() if word not in COLOUR_WORDS)


def with_article(name: str) -> str:
    plural = name.endswith("s") and not name.endswith(("ss", "us", "bus", "octopus", "cactus", "lotus", "compass", "glass", "cross"))
    if plural or name.split()[0] in {"bread", "bacon", "fog", "broccoli", "garlic", "cheese", "popcorn", "money", "fire"}:
        return name
    return ("an " if name[0] in "aeiou" and not name.startswith(("uni", "u", "eu", "one")) else "a ") + name


def target_caption(record: dict) -> str:
    """The caption that names this one picture: concept and style."""
    return f"{with_article(clean(record['name']))}, {record['style']} style"


def names_of(record: dict) -> list[str]:
    if colour := record.get("colour"):
        name = bare(record["name"])
        aliases = [alias for alias in ALIASES.get(record["name"], []) if not COLOUR_WORDS & set(alias.split())]
        return [f"{colour} {one}" for one in [name, *map(bare, aliases)]]
    return [clean(record["name"]), *ALIASES.get(record["name"], [])]


def training_caption(record: dict, rng: random.Random) -> str:
    names = names_of(record)
    name = names[0] if len(names) == 1 or rng.random() < 0.7 else rng.choice(names[1:])
    if record["keywords"] and not record.get("colour") and rng.random() < 0.04:
        name = clean(rng.choice(record["keywords"]))
    form = rng.random()
    if form < 0.6:
        text = with_article(name)
    elif form < 0.9:
        text = name
    else:
        text = f"{rng.choice(('a picture of', 'a drawing of', 'an icon of'))} {with_article(name)}"
    return f"{text}, {record['style']} style" if rng.random() < 0.65 else text
