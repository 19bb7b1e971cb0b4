"""English scenes around the house: moving, noise, tools, a pet, a dinner."""

from __future__ import annotations

from .en_talk import DAYS, EVENINGS, FRIENDS, MORNINGS, STREETS
from .scene import Ending, Scene

MOVING = Scene(
    name="moving house",
    tone="friends",
    slots={
        "day": DAYS,
        "time": MORNINGS,
        "street": STREETS,
        "heavy": "the piano | the sofa | the washing machine | the bookshelf | the wardrobe | the fridge "
        "| the big table",
        "car": "my van = {B}'s van | my brother's truck = a truck | a trailer "
        "| my father's car = the car of {B}'s father | a rented van",
        "friend": FRIENDS,
        "excuse": "my knee is still bad = a bad knee | I have to work = work | I have an exam = an exam "
        "| it's my parents' anniversary = a family party | I'll be at the coast = a trip to the coast",
        "food": "pizza | soup | pancakes | a big curry",
        "floor": "third | fourth | fifth | sixth",
    },
    script="""
        A: I'm moving [house |]on {day}, to {street}. Are you free [that day|then]?
         / Guess what, I got the flat at {street}! I'm moving on {day}. Could you help me?
         / I have a big favour to ask. I'm moving to {street} on {day}, and I need [help|strong arms].
        B: [Congratulations!|So soon?] [How much stuff do you have?|How many boxes are there?]
         / Oh, nice! Do you have a lot of boxes?
        A: About [twenty|thirty|forty] boxes, and it's on the {floor} floor without a lift. {heavy} is really heavy.
         / [Maybe thirty boxes.|More than I thought.] But I can't carry {heavy} alone[, and the stairs are so narrow|].
        ?B: Did you at least throw out those old magazines?
        ?A: Never! I have every one since 2004.
        ~
    """,
    endings=(
        Ending(
            correctable="day time street",
            script="""
                B: [Sure|Of course], I'll help you with {heavy}. I can bring {car}, too.
                 / No problem. We'll carry {heavy} together, and I'll come with {car}.
                A: That would be [fantastic|wonderful]! [Shall we start|Can you be here] at {time}?
                 / You are an angel. Is {time} too early?
                B: {time} is [fine|okay]. [But I need coffee.|I'll set two alarms.]
                 / That's all right. Will there be something to eat?
                A: [I'll make {food} for everybody.|There will be {food} afterwards.]
            """,
            summaries="""
                {A} is moving to {street} on {day}. {B} will help carry {heavy} and bring {car:told} at {time}.
                {B} agrees to help {A} move to {street} on {day} at {time}, with {heavy}, and brings {car:told}.
                {A} needs help with {heavy} when moving to {street}. {B} will come with {car:told} on {day} at {time}.
                On {day} at {time}, {B} will come with {car:told} and help {A} move {heavy} to {street}.
            """,
        ),
        Ending(
            correctable="day street",
            script="""
                B: On {day}? I'd love to, but I can't. {excuse}.
                 / Oh, I'm sorry, I can't help you on {day}. {excuse}.
                A: [That's a pity|No worries]. [I just don't know who else to ask.|But who can help me with {heavy}?]
                B: Ask {friend}, who carried {heavy} for me last [year|summer]. It took five minutes.
                 / What about {friend}? Anybody who climbs mountains can lift {heavy}.
                A: Good idea. I'll call {friend} [tonight|right away|after lunch].
            """,
            summaries="""
                {A} is moving to {street} on {day}. {B} has {excuse:told}, so {A} will ask {friend} to carry {heavy}.
                {B} can't help {A} move to {street} on {day} because of {excuse:told}. {friend} may help with {heavy}.
                {A} needs help with {heavy} for moving to {street} on {day}. {B} has {excuse:told} and suggests \
                    {friend}.
                Because of {excuse:told}, {B} can't come on {day}. {A} will call {friend} to move {heavy} to {street}.
            """,
        ),
    ),
)

NOISE = Scene(
    name="neighbours and noise",
    tone="strangers",
    slots={
        "noise": "your drums = noise from drums | your music = loud music | your dog = noise from a dog "
        "| your television = noise from a television | your drill = noise from a drill "
        "| your parties = noisy parties | your trumpet = noise from a trumpet "
        "| your washing machine = noise from a washing machine",
        "hour": "nine o'clock | half past nine | ten o'clock | half past ten | eleven o'clock | half past eight",
        "reason": "I get up at five = early mornings | my baby can't sleep = a baby | I have exams = exams "
        "| my wife is ill = an ill wife | I work at home = work at home | I have night shifts = night shifts",
        "fix": "buy headphones | close the windows | put down a carpet | move it to the cellar | turn everything down",
        "until": DAYS,
        "guest": "my cousin = a cousin | my old band = an old band | my nephew = a nephew | my brother = a brother",
        "floor": "first | second | third | fourth",
    },
    script="""
        A: I live on the {floor} floor. I wanted to talk to you about {noise}. I can hear it every night, and {reason}.
         / Sorry to bother you, I'm your neighbour. {noise} again! {reason}, you know.
         / I'm from next door. It's about {noise}. [The walls are so thin.|It's very loud.] And {reason}.
        B: Oh, I'm [so|really] sorry. I had no idea [it was|that it's] so loud.
         / Really? [Nobody ever said anything.|I thought the walls were thick.]
        ?A: Even my [grandfather|uncle] on the [top|ground] floor can hear it, and he is half deaf.
        ?B: Oh dear.
        ~
    """,
    endings=(
        Ending(
            correctable="hour",
            script="""
                A: Could you [stop|be quiet] at {hour}?
                 / Is it possible to be quiet after {hour}?
                B: Yes, of course. No noise after {hour}. I promise. And I will {fix}.
                 / {hour}, all right. I will also {fix}.
                A: Thank you, that [would help|would be great]. [You seem nice.|I brought you some cookies.]
                B: [Thanks for telling me.|That's kind. Just knock if it happens again.]
            """,
            summaries="""
                {A} complains about {noise:told} because of {reason:told}. {B} will be quiet after {hour} and {fix}.
                {B} says sorry for {noise:told}, promises to be quiet after {hour} and to {fix}. {A}'s reason: \
                    {reason:told}.
                {A}, a neighbour, can't stand {noise:told} because of {reason:told}. {B} will {fix} and be quiet at \
                    {hour}.
                Because of {reason:told}, {A} asks {B} to stop {noise:told} at {hour}. {B} agrees and will {fix}.
            """,
        ),
        Ending(
            correctable="until",
            script="""
                A: So how long will this go on?
                 / Will it be like this for ever?
                B: No, it's only until {until}. {guest} is visiting[, and then it will be quiet|].
                 / Just until {until}. You see, {guest} is staying with me.
                A: [I see|Hm]. [And until then?|But what about tonight?]
                B: I will {fix}, I promise. And I'll bring you a cake.
                 / Tonight I will {fix}. Is that okay?
                A: [All right|Fine]. I can live with that.
            """,
            summaries="""
                {A} complains about {noise:told} because of {reason:told}. {B} has {guest:told} visiting until \
                    {until} and will {fix}.
                {B} tells {A} that {noise:told} will end on {until}, when {guest:told} leaves, and promises to {fix}. \
                    {A} mentions {reason:told}.
                Because of {reason:told}, {A} can't stand {noise:told}. {guest:told} is with {B} until {until}; {B} \
                    will {fix}.
                {A} talks about {noise:told} and {reason:told}. {guest:told} is with {B} until {until}, and {B} will \
                    {fix}.
            """,
        ),
    ),
)

TOOLS = Scene(
    name="borrowing tools",
    tone="friends",
    slots={
        "tool": "drill | ladder | saw | hammer | wheelbarrow | paint roller | toolbox | workbench | sander | crowbar "
        "| glue gun | spirit level",
        "job": "a broken shelf | the garden gate | a treehouse | the school party | the kitchen wall | an old chair "
        "| the roof of the shed | my aunt's kitchen = an aunt's kitchen",
        "day": DAYS,
        "back": DAYS,
        "care": "clean it | keep it dry | put it in the garage | wrap it in a cloth | lock it up at night "
        "| hide it from the kids",
        "friend": FRIENDS,
        "other": "the shop on the corner | the man at number nine | the school | the community centre "
        "| my father-in-law",
    },
    script="""
        A: Can I borrow your {tool} [on|for] {day}? I need it for {job}.
         / Do you still have a {tool}? I need one on {day}, for {job}.
         / I finally want to start with {job}. Could I use your {tool} on {day}?
        B: [A {tool}?|Hm, my {tool}?] [Do you know how to use it?|Have you ever used one?]
         / Since when do you [do|fix] things yourself?
        A: [I watched a video.|I'm learning.|It can't be that hard.] My hands still hurt from last time.
         / Don't laugh. I'm better than I look, and [buying one costs 80 dollars|a carpenter is too expensive]!
        ?B: Last time you [made a hole in the water pipe|hit your thumb], remember?
        ?A: That was [a long time ago|one single time]. [The floor is dry again.|I was tired.]
        ~
    """,
    endings=(
        Ending(
            correctable="day back",
            script="""
                B: Sure, you can have it. But I need it back on {back}.
                 / Okay, take it. Just bring it back on {back}[, I have plans, too|].
                A: {back} is [no problem|fine]. [Anything I should know?|Should I be careful with anything?]
                 / Of course. What do I have to watch out for?
                B: Please {care}. [The last person didn't, and I was angry for a week.|It was a present from my \
                    grandfather.]
                 / Only one thing: {care}[, all right|, please]. I have had it for ten years.
                A: I will. I owe you one.
            """,
            summaries="""
                {A} borrows a {tool} from {B} on {day} for {job:told}. {A} has to {care} and bring it back on {back}.
                {B} lends {A} a {tool} for {job:told} on {day} and needs it back on {back}. {B} asks {A} to {care}.
                {A} needs {B}'s {tool} on {day} for {job:told}, will {care} and bring it back on {back}.
                For {job:told}, {A} can have the {tool} of {B} on {day}, but should {care} and return it on {back}.
            """,
        ),
        Ending(
            correctable="day",
            script="""
                B: I'm sorry, {friend} has it[ at the moment|]. I won't see it again this year.
                 / Oh no, I gave my {tool} to {friend} [last week|in spring], and it never came back.
                A: [Oh no.|Typical {friend}!] Where else can I get a {tool}?
                 / Hm. Do you know anybody else who has one?
                B: Try {other}. [They are very friendly.|It shouldn't cost much.]
                 / You could ask {other}. I got a good one there once.
                A: [Good idea|Right]. I'll [go there|ask there] [tomorrow|after work].
            """,
            summaries="""
                {A} needs a {tool} on {day} for {job:told}, but {B} gave it to {friend}. {B} suggests {other}.
                {A} wants to borrow a {tool} for {job:told} on {day}. {friend} has it, so {A} will ask at {other}.
                {B}'s {tool} is with {friend}, so {A}, who needs it on {day} for {job:told}, should try {other}.
                {B} can't lend {A} a {tool} for {job:told} on {day} because {friend} has it. {A} will try {other}.
            """,
        ),
    ),
)

PET = Scene(
    name="looking after a pet",
    tone="friends",
    slots={
        "pet": "cat | dog | parrot | rabbit | hamster | turtle | goldfish | guinea pig | snake | canary | kitten "
        "| pony",
        "from": DAYS,
        "to": DAYS,
        "why": "a wedding | a conference | a ski trip | a funeral | a training course | a camping trip "
        "| a family visit",
        "meal": "carrots | dry food | half a can of food | an apple | a spoon of seeds | some salad | warm milk",
        "key": "under the flower pot | in the mailbox | with the neighbour | behind the bike "
        "| in the shoe by the door | at the kiosk",
        "problem": "I'm allergic = an allergy | I'm away myself = a trip | my flat is too small = a small flat "
        "| I have three cats already = three cats | my landlord forbids it = a strict landlord",
        "friend": FRIENDS,
        "name": "Biscuit | Coco | Mister Moon | Pepper | Waffles | Luna",
    },
    script="""
        A: Could you [look after|take care of] my {pet} from {from} to {to}? I have to go to {why}.
         / I need somebody for my {pet}. I'll be away from {from} to {to}, because of {why}.
         / From {from} to {to} I'm at {why}, and nobody can [watch|feed] my {pet}.
        B: [Ah, little {name}!|Is that the one that bit the postman?] [I remember.|How old is it now?]
         / Your {pet}? Is it hard to look after?
        A: No, it's very easy. It sleeps [most of the time|all day]. [You don't even have to talk to it.|It only \
            bites on Mondays, ha ha.]
         / Not at all, [it's an angel|it's very quiet]. It only likes the radio on.
        ~
    """,
    endings=(
        Ending(
            correctable="from to",
            script="""
                B: All right, I'll do it. What does it eat?
                 / Okay, I'm happy to do it. [How do I feed it?|What about food?]
                A: Give it {meal} [every morning|once a day|every evening]. [Not more!|It will beg for more, be \
                    strong.|]
                 / Just {meal}, that's all it [needs|wants].
                B: {meal}, good. And [how do I get in|where is the key]?
                A: The key is {key}.
                 / You'll find the key {key}.
            """,
            summaries="""
                {B} will look after {A}'s {pet} from {from} to {to} because of {why}. It gets {meal}; the key is {key}.
                {A} goes to {why} from {from} to {to}, and {B} will feed the {pet} {meal}. The key is {key}.
                {A} asks {B} to take care of a {pet} from {from} to {to}, during {why}. It eats {meal}. The key is \
                    {key}.
                While {A} is at {why} from {from} to {to}, {B} gives the {pet} {meal}. {B} finds the key {key}.
            """,
        ),
        Ending(
            correctable="from to",
            script="""
                B: I'd love to, but {problem}. [You know me.|I'm really sorry.]
                 / Oh, I'm sorry, I can't. {problem}.
                A: [I forgot!|Oh, right.] Do you know anybody else?
                 / [That's a shame.|I understand.] Who else could I ask?
                B: {friend} [loves animals|has always wanted a {pet}]. [Shall I ask?|Just call.]
                 / Why don't you ask {friend}? There is a big garden, too.
                A: {friend}, of course! [I'll call right now.|I should have thought of that.]
            """,
            summaries="""
                {A} needs somebody for a {pet} from {from} to {to} because of {why}. {B} can't because of \
                    {problem:told} and suggests {friend}.
                {B} can't look after {A}'s {pet} from {from} to {to}, during {why}, because of {problem:told}. {A} \
                    will ask {friend}.
                Because of {problem:told}, {B} can't take the {pet} from {from} to {to}, when {A} is at {why}. \
                    {friend} may.
                {A} will be at {why} from {from} to {to} and will ask {friend} about the {pet}, as {B} has \
                    {problem:told}.
            """,
        ),
    ),
)

DINNER = Scene(
    name="dinner at home",
    tone="friends",
    slots={
        "dish": "lamb stew | fish soup | a mushroom risotto | dumplings | roast duck | a big lasagne "
        "| chicken with rice | a pumpkin curry | stuffed peppers | homemade pasta",
        "day": DAYS,
        "next": DAYS,
        "time": EVENINGS,
        "not": "nuts | milk | eggs | garlic | pepper | onions | butter",
        "bring": "a salad | some wine | ice cream | fresh bread | a cake | some cheese | fruit | lemonade",
        "busy": "a choir rehearsal | a late meeting | a night shift | a parents' evening | football training | a date",
        "guest": FRIENDS,
    },
    script="""
        A: [Would you like|Do you want] to come for dinner on {day}? I'm making {dish}.
         / I want to cook {dish} on {day}. Will you come and eat with us?
         / Are you hungry for {dish}? I'm cooking on {day}, and you are invited.
        B: [Oh, I love your cooking.|That sounds delicious.] [Who else is coming?|Is it a special day?]
         / [Mmm, lovely!|You can cook?] [Is it for your birthday?|Who is coming?]
        A: [Just us and {guest}.|No, I only want to use my new oven.|Only my sister, if her train is on time.]
        ~
    """,
    endings=(
        Ending(
            correctable="day time bring",
            script="""
                B: I'd love to come. But remember that I don't eat {not}.
                 / Count me in! Just no {not} for me, please.
                A: [No problem|Sure], I'll make it without {not}. Is {time} okay?
                 / I know, no {not}. Can you come at {time}?
                B: {time} is [good|perfect]. I'll bring {bring}.
                 / Yes. And I will bring {bring}, [all right|okay]?
            """,
            summaries="""
                {A} invites {B} for {dish} on {day} at {time}. {B} doesn't eat {not} and will bring {bring}.
                {B} comes to {A} for dinner on {day} at {time} and brings {bring}. There will be {dish}, without {not}.
                {A} will cook {dish} without {not} on {day}. {B} will come at {time} and bring {bring}.
                On {day} at {time}, {B} will have {dish} at {A}'s home, with no {not}, and bring {bring}.
            """,
        ),
        Ending(
            correctable="next",
            script="""
                B: What a pity, I can't come on {day}. I have {busy}.
                 / On {day} I have {busy}. I'm so sorry.
                A: [Oh.|Too bad.] What about {next}[ instead|]?
                 / Then let's do it on {next}. [The food can wait.|Does that work?]
                B: {next} is [great|fine]. I'll bring {bring}[ to make up for it|].
                 / Yes, that works. And I'll bring {bring}.
                A: [Good|Lovely]. {dish} for everyone on {next}, then.
            """,
            summaries="""
                {A} invites {B} for {dish} on {day}, but {B} has {busy}. {B} will come on {next} and bring {bring}.
                {B} can't come for {dish} on {day} because of {busy}. They meet on {next}, and {B} brings {bring}.
                Because {B} has {busy} on {day}, {A} will make {dish} on {next} instead. {B} will bring {bring}.
                {A} moves the dinner with {dish} from {day} to {next}, as {B} has {busy}. {B} brings {bring}.
            """,
        ),
    ),
)

SCENES = (MOVING, NOISE, TOOLS, PET, DINNER)
