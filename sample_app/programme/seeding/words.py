"""The words that names, titles and comments are made of. Nobody here exists."""


def _list(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _list(
    "Ada-Lou Aino Alba Amara Anouk Arun Astrid Bao Beatriz Bilal Bríd Callum Carmen Chidi Clara Dagny "
    "Dalia Dmitri Ebba Eduardo Efua Elif Emeka Esther Fatou Felix Femke Gael Giulia Hana Hedda Hiro "
    "Ilse Imani Inês Íñigo Irina Isak Jana Javi Jiho Joaquín Kaito Kalina Katrin Kofi Lars Leila Lena "
    "Linh Łucja Mads Maëlle Marisol Mateo Mira Nadia Naveen Nia Noor Olu Oskar Otto Paloma Petra Pilar "
    "Quinn Rafa Renata Rosa Ruben Saba Samir Sanna Siobhán Søren Sunita Tamar Teo Thandi Tilda Tomás "
    "Uma Ursa Vera Viggo Wanda Xoán Yara Yusuf Zainab Zoë"
)

LAST_NAMES = _list(
    "Ashgrove Barrowmere Bellquist Blythewick Brackenhall Brightwater Calderfen Castelmar Corrigael "
    "Cranebrook Dalemunt Dunmarrow Eastermoor Ebbesund Elmquarry Fairwharf Farrowdene Fennimarsh "
    "Fjordland Galloquist Glasswater Gorsefield Greymantle Hallowick Harborne-Lund Hawkmere Heronsgate "
    "Hollinquay Ironbarrow Jettingham Keelwright Kestrelund Lanternby Larkmoor Ledgerwood-Aas Longtide "
    "Marrowby Mastholm Meadowquist Mirefield Moorlander Netherquay Nightingarde Oarsmark Oldenfjord "
    "Osterbrook Pebbleton Piermont-Ek Quayle-Orr Quillander Ravenscar Reedmarsh Rivermunt Rookhaven "
    "Saltmarsh Sandqvarn Seabright-Ito Shoalwater Silverkeel Skerrivore Spindrift Stonequist "
    "Strandvik-Oyelaran Tallowfen Tarnbrook Thistlemoor Tidewell Umberfield Vantreese Vesterholt Wakefjord "
    "Weatherlund Whitcombe-Sol Wrackline Yarrowgate Zandermoor"
)

ORGANISATIONS = [
    "Blue Anchor Labs", "Bollard & Daughters", "Breakwater Bank", "Cargo Cooperative", "Dry Dock Systems",
    "Estuary Health", "Ferrous Freight", "Foghorn Media", "Gannet Robotics", "Half Mast Records",
    "Heron Mutual", "Kelp Energy", "Lantern Library", "Low Water Games", "Mudlark Archive",
    "North Pier Post", "Oyster Maps", "Pilot Boat Software", "Plimsoll Insurance", "Quayside Schools",
    "Sextant Analytics", "Slipway Studio", "Spring Tide University", "Tidal Commons", "Undertow Radio",
    "Windlass Works", "freelance", "between two jobs",
]

# (slug, name, summary, subjects: each fits after "with", "of" and "about")
TRACKS = [
    ("web", "Web", "Requests, responses and everything a browser makes of them.", [
        "templates", "server-side rendering", "HTML forms", "query parameters", "middleware", "sessions",
        "progressive enhancement", "accessible tables", "HTTP caching", "plain CSS", "content negotiation",
        "websockets", "boring URLs", "file uploads", "pagination"]),
    ("data", "Data", "Databases, and how to ask them nicely.", [
        "indexes", "migrations", "slow queries", "transactions", "connection pools", "full-text search",
        "time zones", "backups", "soft deletes", "spreadsheets", "foreign keys", "event logs",
        "read replicas", "query plans", "JSON columns"]),
    ("operations", "Operations", "Getting software onto machines, and sleeping afterwards.", [
        "zero-downtime releases", "load tests", "log files", "health checks", "rollbacks", "systemd units",
        "reverse proxies", "on-call rotas", "configuration files", "a single server", "worker processes",
        "runbooks", "queue depth", "memory leaks", "graceful shutdown"]),
    ("language", "Language", "The language itself, its tools and its corners.", [
        "type hints", "generators", "decorators", "context managers", "pattern matching", "packaging",
        "asyncio", "threads", "the import system", "dataclasses", "docstrings", "garbage collection",
        "regular expressions", "metaclasses", "unit tests"]),
    ("people", "People", "Teams, teaching, and keeping a project alive.", [
        "code review", "pair programming", "onboarding", "mentoring", "release notes", "saying no",
        "estimates", "burnout", "remote teams", "first contributions", "licences", "meetings", "technical writing",
        "a bus factor of one", "study groups"]),
    ("machines", "Machines", "Sensors, boards and things that move.", [
        "weather stations", "e-paper displays", "soldering", "tide gauges", "old laptops", "radio beacons",
        "model trains", "greenhouses", "cheap cameras", "battery life", "knitting machines", "bus timetables",
        "microcontrollers", "beehives", "pinball tables"]),
]

ROOMS = [("Main deck", 0, 620), ("Chart room", 1, 180), ("Boiler room", 0, 140), ("Crow's nest", 3, 60),
         ("Galley", 1, 90)]

# (year, town, motto, month and day on which it begins)
EDITIONS = [
    (2017, "Saltmouth", "Small boats welcome", 9, 13), (2018, "Port Ferrel", "Charts for everyone", 9, 12),
    (2019, "Nordhamn", "Keep it afloat", 9, 11), (2020, "Wrack Bay", "All hands, from home", 9, 9),
    (2021, "Quay Sainte-Anne", "Slowly ahead", 9, 15), (2022, "Ebbing", "Back on the water", 9, 14),
    (2023, "Puerto Calmo", "Mind the draught", 9, 13), (2024, "Skerry Head", "Lights on", 9, 11),
    (2025, "Tallow Creek", "Fewer leaks", 9, 10), (2026, "Great Haven", "Ship it, and stay awake", 9, 9),
]

DAY_THEMES = ["Casting off", "Open water", "Coming home"]

# Of the people who comment
NICKNAMES = _list(
    "amber_otter bashful_crab cold_tea dotted_line early_tram fern32 greasy_spoon half_moon idle_loop "
    "jam_jar kettle_on left_join maplewood night_bus odd_socks paper_boat quiet_fan row_seven second_row "
    "soft_fork tab_stop upper_deck verbose_v window_seat xylophone yellow_bike zinc_lid"
)
