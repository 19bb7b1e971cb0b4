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
            How was your weekend? >> Quiet. I cleaned the kitchen and slept a lot.
            How are you? >> A bit tired. The baby next door cried until two.
            You look happy today. >> I am. I finally finished that long book.
            Is it still raining out there? >> Yes, and my umbrella broke on the way.
            Did you change your hair? >> I did! You are the first one who noticed.
            How is your mother? >> Much better, thanks. She is back in the garden.
            Did you eat already? >> Just an apple. I was late again.
            I nearly missed you. >> Sorry, the lift was stuck on the fourth floor.
            Long time no see! >> I know. Work has been crazy since May.
            Wow, nice jacket. >> Thanks, I got it for [ten|twelve|fifteen] dollars at the flea market.
            What a hot day. >> Tell me about it. I had three glasses of iced tea.
        """),
        "strangers": lines("""
            What weather today! >> Yes, my shoes are wet already.
            It's cold this morning. >> It is, and I forgot my gloves.
            Sorry, do you have the time? >> Yes, it's ten past four.
            Oh, is that your umbrella on the floor? >> It is! Thank you, I would have lost it.
            What a beautiful day. >> Yes, finally. It rained for a week.
            Sorry, I'm a bit out of breath. >> Take your time. I ran here, too.
            I like your scarf. >> Thank you! My grandmother made it.
        """),
        "counter": lines("""
            It's so busy here today. >> It is. Thank you for waiting.
            What weather! I'm wet to the skin. >> Oh dear. You can leave your coat over there.
            I tried to call before, but nobody answered. >> I'm sorry, we had a meeting until ten.
            Is it my turn? >> Yes, please go ahead.
            I hope you are still open. >> We are, for another [ten|twenty] minutes.
            It took me ages to find this place. >> Yes, the sign outside fell down last week.
            It's warm in here. >> Sorry, the heating has a life of its own.
            I hope I am in the right place. >> I think so. How can I help?
            Sorry, may I put my bag here? >> Of course. Those stairs are steep, I know.
        """),
        "phone": lines("""
            I tried to call before, but nobody answered. >> I'm sorry, we had a very busy hour.
            Is this the right number? >> It is. What can I do for you?
            Finally! I was on hold for [five|ten|twelve] minutes. >> I apologise. My colleague is ill today.
            The music on your line is nice. >> Thank you. My brother plays the piano.
            Do you speak English? >> Of course. How can I help?
            Am I calling too late? >> Not at all. We are here until midnight.
        """),
    },
    asides={
        "friends": lines("""
            By the way, did you see the match last night? >> Only the last ten minutes. >> Never mind. Back to this.
            Is that coffee I smell? >> Yes, have some. It's still hot. >> Thanks. Anyway.
            Oh, and my cousin got engaged! >> Really? Tell her congratulations. >> I will. Where were we?
            Did you hear that the bakery on the corner closed? >> No! Their bread was the best. >> I know. Anyway.
            Look, it's starting to snow. >> In [March|April|November]? Unbelievable. >> Right? So, back to our thing.
            By the way, I found your blue scarf. >> Great, I was looking for it everywhere. >> I'll bring it. So.
            I had the strangest dream about a talking horse. >> You should eat less cheese at night. >> Ha ha. Anyway.
            Did I tell you I started learning the guitar? >> No! Play me something one day. >> One day. Okay, so.
            I got up at five today, can you believe it? >> You? Never. >> It's true. Anyway.
        """),
        "strangers": lines("""
            Nice umbrella, by the way. >> Thank you. I found it on a train. >> Lucky you.
            Do you smell that? Somebody is frying onions. >> And I haven't had breakfast. >> Me neither.
            Is that a dog barking? >> No, I think it's a car. >> Strange.
            Did you hear the thunder last night? >> I was under my bed! >> Same here.
            Do you come from around here? >> No, I moved here two years ago. >> I see.
            I didn't sleep at all last night. >> It was the full moon. >> Maybe.
        """),
        "counter": lines("""
            Is it always this loud here? >> Only until the roof is repaired. >> I see.
            That's a lovely plant, by the way. >> Thank you. My colleague waters it with cold tea. >> Well, it works.
            Excuse me, is there a place to park here? >> Yes, behind the building, two dollars an hour. >> Good to know.
            Do you have a pen, by any chance? >> Here you are. Keep it. >> Thanks.
            It's my first time here, you know. >> Then welcome! >> Thank you.
            My bus was late, so I'm a bit nervous. >> Take your time. >> Thanks. All right.
            Is that your cat in the window? >> She lives here. We only work here. >> Ha, I see.
        """),
        "phone": lines("""
            Could you speak up a little? The line is bad. >> Of course. Is it better now? >> Much better.
            Sorry about the noise, my kids are playing pirates. >> No problem, I have three at home. >> Then you \
                understand.
            Is it raining where you are, too? >> Since six this morning. >> Same here.
            Sorry, I had my mouth full. >> Enjoy your meal! >> Thanks, it's only toast.
        """),
    },
    interruptions=lines("""
        Hold on, my phone is ringing. >> Sure, take your time. >> Sorry about that. It was only my dentist.
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
            Deal. >> You're the best.
        """),
        "strangers": lines("""
            It was nice to talk to you. >> You, too.
            All right then. >> Have a nice day.
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
