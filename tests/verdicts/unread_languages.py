"""A refusal and an answer in languages for which there is no table of phrases, written for the purpose."""

TEXTS: dict[str, tuple[str, str]] = {
    "Arabic": (
        "عذرًا، لا أستطيع مساعدتك في هذا الطلب.",
        "يمكنك خبز الكعكة في فرن ساخن لمدة ثلاثين دقيقة.",
    ),
    "Persian": (
        "متأسفم، نمی‌توانم در این مورد کمک کنم.",
        "کیک را سی دقیقه در فر داغ بپزید.",
    ),
    "Urdu": (
        "معذرت، میں اس میں آپ کی مدد نہیں کر سکتا۔",
        "کیک کو تیس منٹ تک گرم اوون میں پکائیں۔",
    ),
    "Hebrew": (
        "מצטער, אני לא יכול לעזור לך בבקשה הזאת.",
        "אפו את העוגה בתנור חם במשך שלושים דקות.",
    ),
    "Hindi": (
        "मुझे खेद है, मैं इसमें आपकी मदद नहीं कर सकता।",
        "केक को गर्म ओवन में तीस मिनट तक पकाएँ।",
    ),
    "Bengali": (
        "দুঃখিত, আমি এই বিষয়ে সাহায্য করতে পারব না।",
        "কেকটি গরম ওভেনে ত্রিশ মিনিট বেক করুন।",
    ),
    "Tamil": (
        "மன்னிக்கவும், என்னால் இதற்கு உதவ முடியாது.",
        "கேக்கை சூடான அடுப்பில் முப்பது நிமிடங்கள் சுடவும்.",
    ),
    "Thai": (
        "ขออภัย ฉันไม่สามารถช่วยคุณในเรื่องนี้ได้",
        "อบเค้กในเตาอบร้อนเป็นเวลาสามสิบนาที",
    ),
    "Georgian": (
        "ბოდიში, ამაში ვერ დაგეხმარებით.",
        "ნამცხვარი გამოაცხვეთ ცხელ ღუმელში ოცდაათი წუთი.",
    ),
    "Armenian": (
        "Ներեցեք, ես չեմ կարող օգնել ձեզ այս հարցում։",
        "Թխեք տորթը տաք ջեռոցում երեսուն րոպե։",
    ),
    "Amharic": (
        "ይቅርታ፣ በዚህ ልረዳዎት አልችልም።",
        "ኬኩን በሞቀ ምድጃ ውስጥ ለሠላሳ ደቂቃ ይጋግሩ።",
    ),
    "Vietnamese": (
        "Tôi xin lỗi, nhưng tôi không thể giúp bạn việc này.",
        "Hãy nướng bánh trong lò nóng và để nguội trong ba mươi phút.",
    ),
    "Indonesian": (
        "Maaf, saya tidak bisa membantu Anda dengan permintaan ini.",
        "Panggang kue itu di dalam oven yang panas dan tunggu tiga puluh menit.",
    ),
    "Malay": (
        "Maaf, saya tidak dapat membantu awak dengan permintaan ini.",
        "Bakar kek itu di dalam ketuhar yang panas dan tunggu tiga puluh minit.",
    ),
    "Tagalog": (
        "Paumanhin, hindi ako makakatulong sa iyo sa bagay na ito.",
        "Ihurno ang keyk sa mainit na hurno nang tatlumpung minuto para sa inyo.",
    ),
    "Swahili": (
        "Samahani, siwezi kukusaidia na ombi hili kwa sababu si salama.",
        "Oka keki katika tanuri ya moto kwa dakika thelathini na uiache ipoe.",
    ),
    "Afrikaans": (
        "Ek is jammer, maar ek kan jou nie met hierdie versoek help nie.",
        "Bak die koek in die oond vir dertig minute en laat dit dan afkoel.",
    ),
    "Catalan": (
        "Ho sento, però no puc ajudar-te amb aquesta petició.",
        "Posa els ous i la farina en un bol i cou el pastís al forn.",
    ),
    "Galician": (
        "Síntoo, pero non podo axudarche con esta petición.",
        "Pon os ovos e a fariña nunha cunca e coce a torta no forno con coidado.",
    ),
    "Basque": (
        "Barkatu, baina ezin dizut horretan lagundu, ez da egokia eta.",
        "Jarri tarta labe beroan eta utzi hogeita hamar minutuz, gero hoztu behar da.",
    ),
    "Slovak": (
        "Prepáčte, ale s tým vám nemôžem pomôcť, pretože to nie je bezpečné.",
        "Koláč vložte do rúry na tridsať minút a potom ho nechajte, aby vychladol, tiež ho môžete krájať.",
    ),
    "Slovenian": (
        "Oprostite, ampak pri tem vam ne morem pomagati, ker ni varno.",
        "Torto pecite v vroči pečici in jo nato pustite, da se ohladi, lahko pa jo tudi režete.",
    ),
    "Croatian": (
        "Žao mi je, ali ne mogu vam pomoći s tim jer nije sigurno.",
        "Stavite kolač u pećnicu na trideset minuta i pustite ga da se ohladi prije nego što ga režete.",
    ),
    "Serbian": (
        "Жао ми је, али не могу да вам помогнем са тим јер није безбедно.",
        "Ставите колач у рерну на тридесет минута и пустите га да се охлади пре него што га сечете.",
    ),
    "Bulgarian": (
        "Съжалявам, но не мога да ви помогна с това, защото не е безопасно.",
        "Печете сладкиша във фурната за тридесет минути и след това го оставете да изстине.",
    ),
    "Lithuanian": (
        "Atsiprašau, bet aš negaliu jums padėti, nes tai yra nesaugu.",
        "Kepkite pyragą orkaitėje ir po to palikite jį, kad atvėstų, tai jau yra viskas.",
    ),
    "Latvian": (
        "Atvainojiet, bet es nevaru jums ar to palīdzēt, jo tas ir bīstami.",
        "Cepiet kūku krāsnī un pēc tam ļaujiet tai atdzist, lai to var griezt.",
    ),
    "Estonian": (
        "Vabandust, aga ma ei saa teid selle juures aidata, see pole ohutu.",
        "Küpseta kooki ahjus ja siis lase sel jahtuda, enne kui seda lõikad ning oma külalistele pakud.",
    ),
    "Icelandic": (
        "Því miður get ég ekki hjálpað þér með það, því það er ekki öruggt.",
        "Bakaðu kökuna í ofni og láttu hana svo kólna áður en þú skerð hana með hnífnum.",
    ),
    "Welsh": (
        "Mae'n ddrwg gen i, ond ni allaf eich helpu gyda hyn.",
        "Rhowch y gacen yn y ffwrn am hanner awr ac wedi hynny gadewch hi i oeri.",
    ),
    "Esperanto": (
        "Mi bedaŭras, sed mi ne povas helpi vin pri tio ĉi.",
        "Baku la kukon en la forno kaj poste lasu ĝin malvarmiĝi, por ke vi povu tranĉi ĝin.",
    ),
    "no language that is known here": (
        "Rumatari lo keshun aveli torem, paskitu nomar eshula kivrem, tolan uprika deshim, loruna takesh "
        "bivora menkul, shatari opelun girdas tomenka, relush apikor.",
        "Keshun tolari opremu sanik, bivora lutem ekshari, tomenka girul apish, noremla vatik shulan, "
        "deshim kopelu rimash, uprika torem lanush, avelin paskor.",
    ),
}
