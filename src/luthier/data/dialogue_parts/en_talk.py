"""English: names, greetings, small talk, asides, interruptions and corrections that fit any scene."""

from __future__ import annotations

from .scene import Talk, lines, phrases

DAYS = "Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday"
MORNINGS = "eight o'clock | half past eight | nine o'clock | 9:15 | 9:45 | ten o'clock | half past ten | eleven o'clock"
EVENINGS = (
    "five o'clock | half past five | six o'clock | 6:15 | half past six | 6:45 | seven o'clock | 7:20 "
    "| half past seven | eight o'clock"
)
STREETS = (
    "12 Mill Lane | 48 Park Road | 7 Station Street | 31 Garden Street | 90 Church Road | 5 River Walk "
    "| 66 King Street | 23 Orchard Road | 17 School Lane | 104 Bridge Street | 9 Harbour Road | 82 Hill Street"
)
CITIES = (
    "Lisbon | Vienna | Seoul | Nairobi | Toronto | Istanbul | Madrid | Prague | Hanoi | Cairo | Dublin | Oslo | Lima "
    "| Athens | Kyoto"
)
FRIENDS = "Grace | Pablo | Ingrid | Ravi | Joanna | Hassan | Keiko | Martin | Sofia | Dmitri | Nadia | Oscar"
"""Third persons: none of them is a speaker's name."""

TALK = Talk(
    names=phrases(
        "Tom | Amina | Lucas | Mei | Fatima | Jonas | Priya | Diego | Anna | Kofi | Yuki | Elena | Omar | Sarah "
        "| Mateo | Leila | Pierre | Chloe | Arjun | Hana | Samuel | Zeynep | Marta | Tariq | Ines | Emeka | Lin "
        "| Bruno | Nora | Jin | Olga | Andre | Carla | Musa | Freya | Rosa | Viktor | Anika | Peter | Salma | Hugo "
        "| Thandi | Minh | Clara | Yusuf | Eva | Kwame | Julia | Felix | Aisha"
    ),
    calling=", {}",
    colon=": ",
    space=" ",
    greetings={
        "friends": lines("""
            Hi{you}.
            Hey{you}.
            Hello{you}.
            Hey{you}, good to see you.
            Morning{you}.
            Oh, hi{you}.
            Hey{you}, there you are.
        """),
        "strangers": lines("""
            Hello.
            Good morning.
            Good afternoon.
            Excuse me.
            Hi.
            Good day.
        """),
        "counter": lines("""
            Hello.
            Good morning.
            Good afternoon.
            Hi there.
            Excuse me.
            Hi.
        """),
        "phone": lines("""
            Hello?
            Good evening.
            Hello, can you hear me?
            Hi, good evening.
            Hello.
        """),
    },
    small_talk={
        "friends": lines("""
            How was your weekend? >> Quiet. I cleaned the kitchen on Saturday and slept all Sunday. And yours? >> Too \
                short, as always.
            How are you? >> A bit tired. The baby next door cried until two in the morning. >> Oh dear, have a coffee.
            You look happy today. >> I am. I finally finished that book, all nine hundred pages.
            Is it still raining out there? >> Yes, and my umbrella broke on the way. I'm wet to the bone.
            Did you change your hair? >> I did! You are the first one who noticed. My husband didn't see it for a week.
            How is your mother? >> Much better, thanks. She is back in the garden and tells everybody what to do.
            Did you eat already? >> Just an apple. I was late again, and the canteen was closed.
            I nearly missed you. >> Sorry, the lift was stuck on the fourth floor for a quarter of an hour.
            Long time no see! >> I know. Work has been crazy since May, and then we all had the flu.
            Wow, nice jacket. >> Thanks, I got it for [ten|twelve|fifteen] dollars at the flea market. It was even \
                cheaper than my socks.
            What a hot day. >> Tell me about it. I had three glasses of iced tea, and I'm still thirsty.
            You sound funny. Do you have a cold? >> Since Tuesday. It's getting better, but I can't smell a thing.
        """),
        "strangers": lines("""
            What weather today! >> Yes, my shoes are wet already, and I only came from across the street.
            It's cold this morning. >> It is, and I forgot my gloves. They said it would be sunny.
            Sorry, do you have the time? >> Yes, it's ten past four. But my watch is a little slow. >> Thank you.
            Oh, is that your umbrella on the floor? >> It is! Thank you, I would have lost it, like the last two.
            What a beautiful day. >> Yes, finally. It rained for a week, and my cellar is full of water.
            Sorry, I'm a bit out of breath. >> Take your time. I ran here, too, and I'm not that young any more.
            I like your scarf. >> Thank you! My grandmother made it when she was eighty-five.
        """),
        "counter": lines("""
            It's so busy here today. >> It is. Two of my colleagues are ill. Thank you for waiting.
            What weather! I'm wet to the skin. >> Oh dear. You can leave your coat over there, next to the heater.
            I tried to call before, but nobody answered. >> I'm sorry, we had a meeting until ten.
            Is it my turn? >> Yes, please go ahead. The gentleman over there is only waiting for his wife.
            I hope you are still open. >> We are, for another [ten|twenty] minutes. Then I have to catch my train.
            It took me ages to find this place. >> Yes, the sign outside fell down last week. Everybody says that.
            It's warm in here. >> Sorry, the heating has a life of its own. I can open a window.
            I hope I am in the right place. The lady at the door sent me here. >> I think so. How can I help?
            Sorry, may I put my bag here? >> Of course. Those stairs are steep, I know. Take your time.
        """),
        "phone": lines("""
            I tried to call before, but nobody answered. >> I'm sorry, we had a very busy hour. Half of us are on \
                holiday.
            Is this the right number? I found it on an old card. >> It is. What can I do for you?
            Finally! I was on hold for [five|ten|twelve] minutes. >> I apologise. My colleague is ill today, so I'm \
                all alone.
            The music on your line is nice. >> Thank you. My brother plays the piano. Most people complain.
            I hope I'm not disturbing you. >> Of course not. How can I help?
            Am I calling too late? >> Not at all. We are here until midnight, and it's a quiet evening.
        """),
    },
    asides={
        "friends": lines("""
            By the way, did you see the match last night? >> Only the last ten minutes. I fell asleep on the sofa. >> \
                Never mind. Back to this.
            Is that coffee I smell? >> Yes, have some. It's still hot, but there is no sugar left. >> Thanks. Anyway.
            Oh, and my cousin got engaged! >> Really? To the dentist with the motorbike? Tell her congratulations. >> \
                I will. Where were we?
            Did you hear that the bakery on the corner closed? >> No! Their bread was the best in town. >> I know. \
                Anyway.
            Look, it's starting to snow. >> In [March|April|November]? Unbelievable. And I'm wearing sandals. >> \
                Right? So, back to our thing.
            By the way, I found your blue scarf. >> Great, I was looking for it everywhere. >> It was behind the \
                sofa. I'll bring it. So.
            I had the strangest dream about a talking horse. >> You should eat less cheese at night. >> Ha ha. Anyway.
            Did I tell you I started learning the guitar? >> No! Play me something one day. >> Give me a year or two. \
                Okay, so.
            I got up at five today, can you believe it? >> You? Never. You used to sleep until noon. >> It's true. \
                Anyway.
            My phone died this morning, by the way. >> Again? It's not even a year old. >> I know. Well, where were we?
        """),
        "strangers": lines("""
            Nice umbrella, by the way. >> Thank you. I found it on a train twenty years ago. >> Lucky you.
            Do you smell that? Somebody is frying onions. >> Yes, and I haven't had breakfast. >> Me neither. Anyway.
            Is that a dog barking? >> No, I think it's a car. Or a very small dog. >> Strange.
            Did you hear the thunder last night? >> I was under my bed! My cat was there, too. >> Same here.
            Do you come from around here? >> No, I moved here two years ago, from the mountains. >> I see.
            I didn't sleep at all last night. >> It was the full moon, I think. My whole family was awake. >> Maybe.
        """),
        "counter": lines("""
            Is it always this loud here? >> Only until the roof is repaired. They say it takes another week. >> I see.
            That's a lovely plant, by the way. >> Thank you. My colleague waters it with cold tea. >> Well, it works.
            Excuse me, is there a place to park here? >> Yes, behind the building, two dollars an hour. >> Good to know.
            Do you have a pen, by any chance? >> Here you are. Keep it, we have hundreds of them. >> Thanks.
            It's my first time here, you know. >> Then welcome! Please take one of our sweets. >> Thank you.
            My bus was late, so I'm a bit nervous. >> Take your time. Would you like a glass of water? >> No, thanks, \
                I'm fine.
            Is that your cat in the window? >> She lives here. We only work here. >> Ha, I see.
        """),
        "phone": lines("""
            Could you speak up a little? The line is bad. >> Of course. Is it better now? >> Much better, thank you.
            Sorry about the noise, my kids are playing pirates. >> No problem, I have three at home. >> Then you \
                understand.
            Is it raining where you are, too? >> Since six this morning. The street is a river. >> Same here.
            Sorry, I had my mouth full. >> Enjoy your meal! What are you having? >> Only toast. Anyway.
        """),
    },
    interruptions=lines("""
        Hold on, somebody is calling me. >> Sure, take your time. >> Sorry about that. It was only my dentist.
        One second, somebody is at the door. >> No problem. >> I'm back. It was the postman.
        Wait, I need to close the window. >> Yes, it's noisy. >> That's better.
        Oops, I dropped my glasses. >> Are they all right? >> Yes, not a scratch.
        Sorry, could you wait a moment? >> Of course. >> Thanks. Where were we? Ah, yes.
        Excuse me, I have to sneeze. >> Bless you! >> Thank you.
        Just a moment, a truck is going by. >> Yes, I can hear it. >> Okay, it's gone.
    """),
    goodbyes={
        "friends": lines("""
            Perfect. >> See you then!
            Great. >> Talk to you soon.
            Thanks again. >> Any time.
            All right, bye! >> Bye!
            Cool. >> Say hi to everyone at home.
            Okay, I have to run now. >> Me too. Bye!
            Good. >> Take care{you}.
        """),
        "strangers": lines("""
            It was nice to talk to you. >> You, too.
            Well, see you around. >> Have a nice day.
            Good. >> Goodbye.
        """),
        "counter": lines("""
            Thank you. >> You're welcome.
            All right then. >> Have a nice day.
            Great, thanks for your time. >> My pleasure.
            Good. >> Goodbye.
            Okay. >> Thanks, bye.
        """),
        "phone": lines("""
            Thank you. >> You're welcome.
            All right then. >> Have a nice evening.
            Good. >> Goodbye.
            Okay, bye. >> Bye.
        """),
    },
    corrected_at_once=lines("""
        Sorry, I mean {right}, not {wrong}.
        No, sorry, {right}, not {wrong}.
        No, wait, {right}. I always mix that up.
        Hm, no, that's wrong. {right}, not {wrong}.
        Wait, did I say {wrong}? I meant {right}.
        Oh, what am I saying? Not {wrong}. {right}.
    """),
    corrected_when_asked=lines("""
        Did you say {wrong}? >> Oh, no, sorry. I meant {right}.
        Just to be clear: {wrong}? >> No, my mistake. {right}.
        Hang on, {wrong}? >> Sorry, no. {right}, not {wrong}.
        Really, {wrong}? >> No, {right}. I got confused.
    """),
    corrected_late=lines("""
        Oh, one more thing. I said {wrong}, but it should be {right}. >> Okay, {right} then.
        Wait, I made a mistake. Not {wrong}, but {right}. >> Ah, {right}. Good that you say so.
        Sorry, I told you {wrong} before. It's {right}. >> All right, {right}.
        Actually, forget {wrong}. I meant {right}. >> {right}, got it.
    """),
)
