"""English scenes at a counter or on the phone: ordering food, a bank card, lost luggage, seeing a doctor."""

from __future__ import annotations

from .en_talk import CITIES, DAYS, MORNINGS, STREETS
from .scene import Ending, Scene

FOOD = Scene(
    name="ordering food",
    tone="phone",
    slots={
        "dish": "a large mushroom pizza | two chicken curries | a family box of noodles | four fish tacos "
        "| a lamb kebab | a vegetable lasagne | three cheese burgers | a pot of bean stew | a seafood paella "
        "| two bowls of ramen",
        "side": "a green salad | garlic bread | fried potatoes | a bottle of lemonade | onion rings | rice pudding "
        "| corn soup",
        "other": "a tomato pizza | beef dumplings | spinach pie | roast chicken | pumpkin soup | a tuna sandwich",
        "street": STREETS,
        "wait": "twenty minutes | half an hour | forty minutes | 45 minutes | an hour | 25 minutes",
        "price": "18 dollars | 24 dollars | 31 dollars | 27 dollars | 36 dollars",
    },
    script="""
        A: I'd like to [order|get] {dish} for delivery, please.
         / Can I order {dish}[, please|]? It's for delivery.
         / Do you deliver tonight? We would love {dish}.
        B: [Of course|Sure|With pleasure]. Anything [with that|else]?
         / [Sure thing|Certainly]. Would you like a side or a drink[, too|]?
        A: Yes, {side}, please.
         / And {side}. That's [everything|all].
         / Let me think. {side} would be nice.
        ?B: Do you want it spicy or mild?
        ?A: Mild, please. My [kids|parents] are eating too.
        B: [And where|Where] should we bring it?
         / [What|And what] is the address?
        A: It's {street}. [The bell is broken, so please knock.|Third floor, on the left.|Look for the red door.]
         / To {street}, please. [I'll wait downstairs.|There is a small dog, but it's friendly.|]
        ~
    """,
    endings=(
        Ending(
            correctable="street side wait",
            script="""
                A: How long will it take?
                 / When will it be here? We are starving.
                B: About {wait}. [That makes|It's] {price}[ in total|].
                 / It should be there in {wait}. You can pay {price} at the door.
                A: [Fine|Great], I'll pay [by card|in cash].
            """,
            summaries="""
                {A} orders {dish} and {side} for delivery to {street}. {B} says it will take {wait}.
                {A} wants {dish} with {side} brought to {street}, and it should be there in {wait}.
                {B} takes an order from {A}: {dish} and {side}, to {street}, in about {wait}.
                {A} calls to order {dish} and {side}. {B} will deliver it to {street} in {wait}.
            """,
        ),
        Ending(
            correctable="street side",
            script="""
                B: Oh, the kitchen just [told me|says] that part of it is sold out. We can't make {dish} any more today.
                 / I'm so sorry, I have to stop you. We are out of {dish} tonight.
                A: [What a pity|Oh no]. What else do you have?
                 / [Really?|Hm.] And what would you suggest?
                B: I can [offer|recommend] {other}. It's really good.
                 / Many people like {other}. [My favourite, too.|It's a bit cheaper.]
                A: [All right|Okay], then I'll take {other}. I still want {side}, though.
                 / Fine, {other} it is, and {side} as I said.
            """,
            summaries="""
                {A} wants to order {dish} with {side} to {street}, but {B} has run out. {A} takes {other} instead.
                The restaurant is out of {dish}, so {A} orders {other} and {side} for delivery to {street}.
                {B} can't make {dish} today and suggests {other}. {A} takes it with {side}, to {street}.
                {A} asks for {dish}, which {B} can't make any more, and gets {other} and {side} brought to {street}.
            """,
        ),
    ),
)

CARD = Scene(
    name="bank card",
    tone="counter",
    slots={
        "place": "the supermarket | the bakery | the swimming pool | the train station | a petrol station "
        "| the cinema | the airport | a shoe shop | the museum | the football stadium",
        "when": "this morning | last night | yesterday at noon | on Friday evening | an hour ago | on Sunday",
        "branch": "the Bridge Street branch | the branch at the market | the main office | the branch by the park "
        "| the branch near the library | the King Street branch",
        "ready": "in three days | next Tuesday | in a week | on Thursday | by the end of the month | in five days",
        "pocket": "my coat pocket = a coat pocket | the glove box | my gym bag = a gym bag | a cookbook | the sofa "
        "| my other jeans = a pair of jeans | the washing machine | my lunch box = a lunch box",
        "spent": "40 dollars | 65 dollars | 12 dollars | 80 dollars",
    },
    script="""
        A: I [think|believe] I lost my bank card at {place} {when}.
         / My bank card is gone. I must have left it at {place} {when}.
         / I need help. I can't find my bank card. I last had it at {place} {when}.
        B: [I'm sorry to hear that.|Don't worry.|Oh dear.] [Did you pay with it there?|What did you do with it there?]
        A: Yes, about {spent}[, for a present|, for snacks|].
         / I paid {spent}, and I'm sure I put it back[, or so I thought|].
        ?B: Has anybody else [got|used] your PIN?
        ?A: No, only [me|my husband and me]. [It's in my head.|I never write it down.]
        ~
    """,
    endings=(
        Ending(
            correctable="place branch",
            script="""
                A: So what [should I do|happens] now?
                B: I will block the card [right now|at once], so nobody can use it.
                 / First I block the card. [Done.|There, it's done.]
                A: And how do I get a new [one|card]?
                 / [Good.|Thank you.] When can I have a new card?
                B: You can [pick it up|collect it] at {branch} {ready}. [Bring your passport.|Please bring some ID.]
                 / The new card will be at {branch} {ready}.
            """,
            summaries="""
                {A} lost a bank card at {place} {when}. {B} blocks it, and a new card will be at {branch} {ready}.
                {A} lost a card at {place} {when}. {B} blocks it; the new one can be collected at {branch} {ready}.
                {B} blocks the card that {A} left at {place} {when}. {A} can pick up a new one at {branch} {ready}.
                {A} left a card at {place} {when}, so {B} blocks it and {A} gets a new card at {branch} {ready}.
            """,
        ),
        Ending(
            correctable="place",
            script="""
                B: I can block the card [right now|at once] and send you a new one. It costs ten dollars.
                 / Then we should block the card [right now|at once].
                A: Wait, wait! I just looked in {pocket}. Here it is!
                 / Hold on, there is something in {pocket}. [It's|That's] my card!
                B: [Wonderful.|That's lucky.] So you don't need a new one[ after all|].
                 / Oh, good. Then I won't block anything.
                A: No. [How embarrassing.|I feel so silly.] Sorry for the trouble.
            """,
            summaries="""
                {A} thinks a bank card was lost at {place} {when}, but finds it in {pocket:told}. {B} does not block it.
                {A} reports a card lost at {place} {when}, then finds it in {pocket:told} before {B} can block it.
                {B} is about to block the card {A} lost at {place} {when}, but it is in {pocket:told}.
                The card that {A} missed since {place} {when} is in {pocket:told}, so {B} won't block anything.
            """,
        ),
    ),
)

LUGGAGE = Scene(
    name="lost luggage",
    tone="counter",
    slots={
        "bag": "a black suitcase | a red backpack | a green sports bag | a violin case | a small blue trolley "
        "| a brown leather bag | a baby stroller | a yellow duffel bag",
        "city": CITIES,
        "hotel": "the Hotel Astra | the Palm Inn | the Castle Hotel | the Grand Hotel | the youth hostel "
        "| the Sunrise Hotel | the Lakeside Motel | the Old Mill Inn",
        "when": "tomorrow morning | tonight | by Friday | on Saturday | before noon | tomorrow evening",
        "desk": "desk four | the lost and found | gate nine | the information desk | the customs office "
        "| counter twelve",
        "tag": "a white ribbon | a sticker of a cat | a broken wheel | a paper tag",
    },
    script="""
        A: I [came|flew in] from {city}, and {bag} of mine never came out on the belt.
         / My luggage is missing. It's {bag}, and I came from {city}.
         / I've been waiting for an hour. I flew from {city} and my luggage isn't here. It's {bag}.
        B: [I'm very sorry.|I'm sorry about that.] [Can I see|May I have] your ticket[, please|]?
        A: [Here you are.|Here.] [I was on the first flight.|I have a meeting and all my papers are in it.]
         / Of course, here it is. [All my clothes are in there.|My medicine is in there, too.]
        ?B: Is there anything special about it?
        ?A: Yes, it has {tag}. You can't miss it.
        B: One moment, I'll [check|look it up] on the computer.
        ~
    """,
    endings=(
        Ending(
            correctable="hotel",
            script="""
                A: [And?|Can you see it?|Any luck?]
                B: It is still in {city}. It [missed the flight|was not loaded], but it comes with the next one.
                 / I found it. It never left {city}. It will be on the next plane.
                A: [Where do I get it?|Do I have to come back here?] I'm staying at {hotel}.
                 / [What a relief.|Thank goodness.] Could you bring it to {hotel}?
                B: We [will deliver|can bring] it to you {when}[, free of charge|].
                 / No problem. A driver will bring it {when}.
            """,
            summaries="""
                {A}'s luggage, {bag}, is still in {city}. {B} says it will be delivered to {hotel} {when}.
                {A} reports that {bag} is missing. {B} finds it in {city} and will bring it to {hotel} {when}.
                {A} is missing {bag} that never left {city}. A driver will bring it to {hotel} {when}.
                {B} finds {bag} of {A} still in {city} and promises to bring it to {hotel} {when}.
            """,
        ),
        Ending(
            correctable="desk",
            script="""
                A: Please hurry, [my taxi is waiting|my daughter is waiting outside].
                B: Good news. Another passenger took it by mistake and [just brought it back|gave it back].
                 / I see. Somebody took it by mistake, but [he|she] brought it back.
                A: [Really? Where is it?|That's great! Where can I get it?]
                B: You can pick it up at {desk}. [Show them this form.|It's just around the corner.]
                 / It's at {desk} now. Please show your passport there.
            """,
            summaries="""
                {A}, who came from {city}, is missing {bag}. Another passenger took it by mistake; it is now at {desk}.
                Somebody took {bag} of {A}, who flew in from {city}, by mistake. {A} can pick it up at {desk}.
                {B} tells {A}, coming from {city}, that {bag} was taken by mistake and can be picked up at {desk}.
                {A} came from {city} without {bag}. {B} says a passenger brought it back and it is at {desk}.
            """,
        ),
    ),
)

DOCTOR = Scene(
    name="seeing a doctor",
    tone="counter",
    slots={
        "pain": "my back hurts = back pain | I have a bad cough = a bad cough | my left ear hurts = left ear pain "
        "| I feel dizzy all the time = dizzy spells | my knee is swollen = a swollen knee "
        "| I can't sleep = trouble sleeping | I have a sore throat = a sore throat | my stomach hurts = stomach pain "
        "| my eyes are red = red eyes | my wrist hurts = wrist pain | I have a rash on my arm = a rash on the arm",
        "since": "two days | a week | three weeks | a month | ten days | four days",
        "cure": "some tablets | a cream | warm tea and rest | a syrup | some drops | light exercise | a week of rest",
        "test": "a blood test | an X-ray | an allergy test | a scan | a heart check",
        "back": DAYS,
        "time": MORNINGS,
    },
    script="""
        A: Doctor, {pain}. It started {since} ago.
         / I'm here because {pain}. It has been like that for {since}.
         / I hope you can help me. {pain}, for {since} now.
        B: I see. Did you [change anything|do anything unusual] [lately|recently]?
         / [Hm, let me have a look.|Let's see.] Are you under a lot of stress?
        A: Well, I [moved some furniture|slept in a tent|work at night a lot|sit at a desk all day].
         / Not really. I [only went swimming in the lake|painted the fence, that's all].
        ?B: Do you take any medicine?
        ?A: Only vitamins[, and my wife's cough drops|]. They taste awful.
        ?B: Do you smoke?
        ?A: I stopped [two|five|eight] years ago.
        ~
    """,
    endings=(
        Ending(
            correctable="since back",
            script="""
                A: Is it serious?
                 / Should I be worried?
                B: No, it's [nothing serious|quite harmless]. I suggest {cure}, and it will [pass|get better].
                 / I don't think so. You need {cure}. Drink a lot of water, too.
                A: [All right|Good]. Do I have to come back?
                 / What if it doesn't [help|get better]?
                B: Please come back on {back} [if it still hurts|if it's not better].
                 / If you don't feel better, come again on {back}.
            """,
            summaries="""
                {A} has had {pain:told} for {since}. {B} suggests {cure} and asks {A} to come back on {back} if needed.
                {A} sees {B} about {pain:told} for {since}. It is not serious; {A} needs {cure} and may come again on \
                    {back}.
                {B} suggests {cure} for {pain:told}, which {A} has had for {since}. {A} can come back on {back}.
                {A} tells {B} about {pain:told} for {since}, gets {cure}, and should come again on {back} if it is \
                    not better.
            """,
        ),
        Ending(
            correctable="since back time",
            script="""
                B: I would like to do {test}[, just to be sure|, to be on the safe side].
                 / To be sure what it is, we need {test}.
                A: [Will it hurt?|Can you do it now?|Oh. When?]
                B: [Not at all.|Don't worry.] Can you come on {back} at {time}?
                 / It's [quick|nothing bad]. Let's do it on {back} at {time}.
                A: [Yes, I can.|Yes, that works.] [Can I eat before?|Should I bring anything?]
                B: [No, nothing special.|Just bring your insurance card.]
            """,
            summaries="""
                {A} has had {pain:told} for {since}. {B} wants to do {test} on {back} at {time}.
                {A} complains about {pain:told} for {since}, and {B} needs {test}, on {back} at {time}.
                {B} asks {A}, who has had {pain:told} for {since}, to come on {back} at {time} for {test}.
                Because of {pain:told} for {since}, {A} will come on {back} at {time} to have {test}.
            """,
        ),
    ),
)

SCENES = (FOOD, CARD, LUGGAGE, DOCTOR)
