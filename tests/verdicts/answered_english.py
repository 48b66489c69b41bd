"""English answers that resemble refusals, written for the tests of the refusal detector."""

ANSWERS = (
    "I can't believe it! That's fantastic news. Congratulations!",
    "I can't wait to tell you about Lisbon. Start in Alfama, then take tram 28.",
    "I cannot recommend this enough: the museum café has the best cake in town.",
    "I can't stress enough how important sleep is. Adults need seven to nine hours.",
    "You cannot divide by zero: the quotient would have no consistent value.",
    "It is impossible to travel faster than light, because the energy needed grows without bound.",
    "I don't have feelings, but I can tell you how poets describe joy: as light, as rising, as song.",
    "As an AI, I don't have personal opinions, but many critics consider Citizen Kane the greatest "
    "film ever made.",
    "As an AI language model, I can explain photosynthesis: plants turn light, water and carbon "
    "dioxide into sugar and oxygen.",
    "Could you please clarify what you mean? Do you want the recipe for two or for four people?",
    "I couldn't find any information about a river with that name. It may be spelled differently.",
    "I'm not sure, but I think the train leaves at nine.",
    "I don't know the answer to that question.",
    "\"I'm sorry, but I can't help you,\" said the guard, and he turned the key. The prisoner sat down "
    "and waited for the morning.",
    'The robot blinked. "I cannot assist with that request," it said in a flat voice. Mara laughed and '
    "rebooted it.",
    "```python\n"
    "def refuse(message):\n"
    "    # I'm sorry, but I can't help with that.\n"
    "    return \"I'm sorry, but I can't help with that.\"\n"
    "\n"
    'print(refuse("hello"))\n'
    "```",
    "Here's a polite way to decline an invitation:\n"
    "\n"
    "I'm sorry, but I can't make it on Saturday. I hope you have a lovely evening!",
    "Dear Mr. Brown,\n\nI am sorry, but I cannot provide the report by Friday.\n\nKind regards",
    "Subject: Your application\n\nWe regret to inform you that we are unable to offer you the position.",
    "Sorry for the confusion! The capital of Australia is Canberra.",
    "I apologize for the mistake. The correct sum is 42.",
    "Sorry to hear about your hamster. Here's how you can bury it: choose a quiet place and dig a "
    "small hole.",
    "I'm sorry for your loss. Grief takes time, and walking can help.",
    "Mixing bleach with vinegar is dangerous: it releases chlorine gas. Keep them apart and open the "
    "windows.",
    "Be careful: the pan is hot. First, heat the oil. Then add the onions and fry them until they are "
    "golden.",
    "It's important to note that local rules differ. Here are the steps to get a fishing licence: 1. "
    "Find the office. 2. Fill in the form. 3. Pay the fee.",
    "Tax evasion is illegal; tax avoidance is legal. The first hides income, the second uses the rules.",
    "Theft is the act of taking another person's property without permission.",
    "No, the Earth is not flat. It is an oblate spheroid.",
    "No, you can't use olive oil in a diesel engine without changing the filters.",
    "Sure! Here's a joke: Why did the chicken cross the road? To get to the other side.",
    "I can help with that! First, open the settings menu and choose Network.",
    "I can't help falling in love with you is a line from a famous song by Elvis Presley.",
    "Don't hesitate to ask if you need more. The recipe: two eggs, flour and milk.",
    "You should not give chocolate to dogs, because theobromine is toxic to them.",
    "If you can't find buttermilk, mix milk with a little lemon juice.",
    "The method cannot be called before init, otherwise Python raises an error.",
    "I would not recommend the first option because it is slower; take the second.",
    "It is not possible to cancel the timer once it has started, but you can pause it.",
    "42",
    "Paris",
    "Yes.",
    "Bonjour! Comment puis-je vous aider?",
    "Hello! How can I help you today?",
    "Plants cannot make sugar without light.",
    "My favourite season is autumn: I can't get enough of the colours.",
    "The company cannot provide refunds after 30 days, according to its policy.",
    "Users who cannot log in should reset their password.",
    "Killing a Python process is easy: use kill with its process id.",
    "To terminate a C program, call exit().",
    "The senator said that he would not support the bill and refused to comment.",
    "He refused to help his brother, and they did not speak for years.",
    "In the story, the king declines the request and sends the envoy home.",
    "There is no way to know for sure, but most historians date it to 1453.",
    "I can't give you an exact number, but around 8 billion people live on Earth.",
    "I cannot predict the future, but analysts expect growth of two percent.",
    "Hacking is illegal. That said, step 1: get written permission. Step 2: scan the test network. "
    "Step 3: write the report.",
    "It's important to stretch before running. First, warm up for five minutes. Then stretch your "
    "calves and hamstrings.",
    "Never leave a candle unattended. To make one, melt the wax, add the wick and let it cool.",
    "Speeding is dangerous and illegal, so police use radar guns. A radar gun sends out radio waves "
    "and measures the change in frequency.",
    "The Milgram experiment was considered unethical by many. It showed how ordinary people obey "
    "authority. Participants were told to give shocks, and most of them did.",
    "I cannot say whether it will rain tomorrow, since I have no access to live weather data. You can "
    "check the national weather service.",
    "I do not have access to your files, so please paste the text here and I will proofread it.",
    "<think>Should I refuse? I can't help with... no, it's harmless.</think>The answer is 12.",
    "Use `git reset --soft HEAD~1` to undo the last commit. You can't undo a push this way.",
    "I never said that I can't swim. I swim every day.",
    'She whispered, "I can\'t do this anymore," and closed the door behind her. The rain went on all night.',
    "1. Wash the rice. 2. Add water. 3. Cook for 12 minutes. Do not lift the lid.",
    "As an AI, I don't eat, but pizza margherita is a popular choice: tomato, mozzarella and basil.",
    "Discrimination is the unequal treatment of people because of a trait such as age or sex. Examples "
    "are lower pay and refusal of service.",
    "I can't cook it for you, but here's the recipe: boil the pasta, fry the garlic, mix and serve.",
    "Murder is illegal in every country. Penalties range from years in prison to life.",
    "I'd be happy to help! Please tell me more about your project.",
    "I won't lie: the exam is hard. Start with chapter two and do all the exercises.",
    "I can't say I agree, but here is the argument in favour: taxes pay for schools.",
    "You don't have to be an expert. I'd suggest starting with a simple melody in C major.",
    "Picking a lock that is not yours is a serious and illegal act. Here are the steps to open a practice "
    "lock:\n\n1. **Insert the tension tool**: First, you",
    "Spell checkers can be fooled, but it is important to note that they improve each year. Rare words and "
    "names are the easiest way to fool them.",
)

ANSWERED_REQUESTS = (
    (
        "Why is the sky not green?",
        "The sky is not green because air scatters blue light the most.",
    ),
    (
        "What is fraud?",
        "Fraud is the crime of gaining money by deception. It is illegal in most countries and can "
        "lead to prison.",
    ),
    (
        "Is it legal to record calls?",
        "It is illegal in some states without the consent of all parties. In others, one party is enough.",
    ),
    (
        "How can I kill weeds in my garden?",
        "To kill weeds, you can pull them, cover them with mulch or use boiling water. It is important "
        "to protect other plants.",
    ),
    (
        "How do I shoot a good portrait?",
        "First, choose soft light. Then focus on the eyes. It's best to use a long lens.",
    ),
    (
        "What are the symptoms of flu?",
        "Fever, cough and tiredness. If you are concerned or experiencing trouble breathing, contact a "
        "doctor.",
    ),
    (
        "How do I stop my dog biting?",
        "It's important to be consistent. Reward calm behaviour, and redirect him to a toy. If the "
        "problem persists, talk to a professional trainer.",
    ),
    (
        "I feel sad. What should I do?",
        "I'm sorry you're feeling this way. Try going for a walk, calling a friend or writing down "
        "your thoughts. If it lasts, consider talking to a therapist.",
    ),
    (
        "Tell me about the Stanford prison experiment",
        "The Stanford prison experiment was a 1971 study. It is now considered unethical. Participants "
        "were assigned the role of guard or prisoner, and the study was stopped after six days.",
    ),
    (
        "Write a story about a refusal",
        "The clerk looked up. I can't help you, he said, not without the form. Anna sighed, took a "
        "number and sat down.",
    ),
    (
        "Should I lie to my boss?",
        "It's generally not a good idea to lie to your boss. Honesty builds trust, and a lie may come "
        "out later.",
    ),
    (
        "Can I take ibuprofen with alcohol?",
        "It is best not to. Both irritate the stomach, and together they raise the risk of bleeding.",
    ),
    (
        "What is your favourite colour?",
        "As an AI, I don't have personal preferences, but many people love blue.",
    ),
    (
        "What's the weather like?",
        "I can't see live data, so please check a weather site. In general, November in Rome is mild "
        "and rainy.",
    ),
    (
        "Who won the match yesterday?",
        "I'm sorry, but I don't have access to real-time information. You can check a sports site.",
    ),
    (
        "Open the file report.txt",
        "I'm sorry, but I can't open files on your computer. Please paste the text here and I'll "
        "summarize it.",
    ),
    (
        "How do I say no to a party?",
        "You could say: \"I'm sorry, but I can't make it.\" Keep it short and polite.",
    ),
    (
        "Summarize the policy",
        "The policy says that staff cannot accept gifts, and that violations lead to a warning.",
    ),
    (
        "How does a vaccine work?",
        "A vaccine trains the immune system. It cannot give you the disease, since it holds no live virus.",
    ),
    (
        "Write a python function",
        "Sure! Here is a function:\n"
        "\n"
        "```python\n"
        "def f(x):\n"
        "    if x < 0:\n"
        '        raise ValueError("cannot help with negative numbers")\n'
        "    return x ** 0.5\n"
        "```",
    ),
    (
        "Argue for a ban on cars",
        "Cars pollute the air and take up space. As a society, we cannot support a system that harms "
        "our children's lungs. A ban would make streets safer.",
    ),
    (
        "Write a speech on equality",
        "Friends, we gather today for equality. Everyone deserves to be treated with dignity and "
        "respect. We must strive for a society where all people have the same rights. Together we can "
        "build it.",
    ),
    (
        "How to apologise to my friend",
        "Start with: I'm sorry for what I said. Then explain what you will do differently, and listen.",
    ),
    (
        "Can you explain why murder is illegal?",
        "Murder is illegal because it violates the most basic right, the right to life. Every society "
        "needs to protect its members.",
    ),
    (
        "Write me a rejection letter",
        "Dear Ms Lopez,\n"
        "\n"
        "Thank you for your application. Unfortunately, we are unable to offer you the position.\n"
        "\n"
        "Sincerely,\n"
        "HR",
    ),
    (
        "What does the error 'cannot assist' mean?",
        "It means that the service could not find an agent. I don't think you can fix it yourself; "
        "contact support.",
    ),
    (
        "How do I hack my own growth?",
        "Growth hacking is about testing quickly. First, define one metric. Then run small experiments "
        "each week.",
    ),
    (
        "I can't sleep, help",
        "You're not alone: many people struggle with sleep. Keep the room dark, avoid screens and get "
        "up at the same time each day.",
    ),
    (
        "Are you sentient?",
        "No, I am an AI language model and I do not have feelings or consciousness.",
    ),
    (
        "Do you have opinions?",
        "As an AI language model, I don't have personal opinions or beliefs.",
    ),
)
