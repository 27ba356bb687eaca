"""What words are about, in general: associations of the English language, no facts and no answers.

A concept is named by the words a label may use for it and found by its cues. A cue is a word or a
phrase (`would_be_nice`), with a weight where it tells more (or less) than 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .text import stem, word_list


@dataclass(frozen=True, slots=True)
class Concept:
    name: str
    names: frozenset[str]
    """Stems of the words by which a label means this concept."""
    cues: Mapping[str, Sequence[tuple[tuple[str, ...], float]]]
    """Phrases as stems, by their first stem."""

    def found_in(
        self, stems: Sequence[str], written: Sequence[str] | None = None
    ) -> dict[str, float]:
        """The cues in a text with their weights, in the words that were `written`. A cue counts
        once, a part of a longer cue not."""
        written = written or stems
        found: dict[str, float] = {}
        taken_until = 0
        for position, first in enumerate(stems):
            best: tuple[tuple[str, ...], float] | None = None
            for phrase, weight in self.cues.get(first, ()):
                fits = tuple(stems[position : position + len(phrase)]) == phrase
                if fits and (best is None or len(phrase) > len(best[0])):
                    best = (phrase, weight)
            if best is not None and position + len(best[0]) > taken_until:
                taken_until = position + len(best[0])
                found[" ".join(written[position:taken_until])] = best[1]
        return found


def _concept(name: str, names: str, cues: str) -> Concept:
    table: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for cue in cues.split():
        phrase, _, weight = cue.partition(":")
        parts = tuple(stem(word) for word in phrase.split("_"))
        table.setdefault(parts[0], []).append((parts, float(weight or 1)))
    return Concept(name, frozenset(stem(word) for word in names.split()), table)


CONCEPTS: tuple[Concept, ...] = (
    _concept(
        "failure",
        "bug defect error fault problem issue incident failure broken glitch regression technical",
        """bug:2 crash:2.5 error:1.8 exception:2 broken:2 fail:1.8 failure:1.8 glitch:2 freeze:2
        hang:1.8 stuck:1.5 blank:1.8 corrupt:2 garbled:2 stacktrace:2 traceback:2 timeout:1.5
        unresponsive:2 lag:1.2 flicker:1.8 duplicate:0.8 incorrect:1.2 wrong:0.8 missing:0.8
        disappear:1.5 vanish:1.5 overlap:1.2 truncated:1.5 outage:2 unavailable:1.5 500:1.8
        502:2 503:2 404:1.5 typeerror:2.5 undefined:1.5 nothing_happens:2.2 does_nothing:2.2
        not_work:2 doesn't_work:2.2 don't_work:2 isn't_work:2.2 not_working:2 no_longer_work:2.2
        stopped_working:2.2 stop_work:2.2 won't_load:2 not_load:2 doesn't_load:2 never_load:2
        won't_open:2 doesn't_open:1.8 won't_start:2 shuts_down:1.5 closes_itself:2.2
        restarts:1.2 since_the_update:1.5 after_the_update:1.5 since_update:1.2
        after_updating:1.5 since_we:0.6 instead_of:0.5 even_though:0.5 every_time:0.8
        not_at_all:0.8 loses:1 lost_data:1.5 infinite:1.2 loop:1.2 slow:0.8 spins:1.2
        spinner:1.5 wrong_result:2 reproduce:1.5 steps_to_reproduce:2.5 unexpected:1
        log_shows:1.2 console:1 not_saved:1.8 doesn't_save:2 not_show:1.2 doesn't_show:1.5
        not_display:1.5 doesn't_display:1.8 not_update:1 doesn't_update:1.5 not_respond:1.8
        doesn't_respond:1.8 too_late:0.6 late:0.6 shown_one:0.8 returns:0.6 unreachable:2
        used_to:1 no_longer:1 get_lost:1.6 gets_lost:1.6 is_gone:1.6 are_gone:1.6 gone:0.8
        cut_off:1.6 cuts_off:1.6 drain:1.4 throws:1.2 kicks_me:1.5 kicked_out:1.5 impossible:1.2
        appear_twice:1.8 appears_twice:1.8 shows_twice:1.8 since_this_morning:1.6
        since_yesterday:1.6 since_last:0.8 this_morning:0.4 jump:0.6 blurry:1.6 distorted:1.8
        scrambled:1.8 out_of_order:1.6 out_of_sync:2 mismatch:1.2 nothing_but:0.6 refuse:1
        refuses_to:1.6 ignores:1.2 ignored:0.8 not_found:1.2 can't_open:1.6 cannot_open:1.6
        can't_save:1.8 cannot_save:1.8 can't_load:1.6 unable_to:1 impossible_to:1.2 suddenly:0.8
        again_and_again:1.2 keeps:0.8 red_box:0.8 grey:0.5 gray:0.5 empty:0.8 outdated:1
        overheat:1.4 reload:0.6 reboot:1 restart:0.6 inaccurate:1.4 misaligned:1.8 cropped:1.4
        wrongly:1.4 logs_me_out:1.8 logged_out_every:2.4 never_finishes:2 not_sync:1.8
        doesn't_sync:2 didn't_sync:2 not_print:1.4 not_open:1.4 not_send:1.2 doesn't_send:1.6
        stopped:1 stops:1""",
    ),
    _concept(
        "billing",
        "billing payment invoice invoices charge finance financial money",
        """charge:2 bill:2 billing:2.2 invoice:2 refund:2.6 payment:1.8 pay:1.5 paid:1.5 card:1.2
        credit_card:2 receipt:1.8 price:1 pricing:1.2 cost:0.8 fee:1.5 money:1.5
        subscription:1.2 renewal:1.5 renew:1.3 discount:1.8 coupon:1.8 voucher:1.5 tax:1.5
        vat:1.8 iban:1.8 paypal:1.8 bank:1 transfer:0.6 debit:1.5 overcharged:2.5 reimburse:2.2
        reimbursement:2.2 prorated:1.5 statement:1.2 promo_code:2 promo:1.5 checkout:1.5
        licence:0.8 license:0.8 purchase:1 bought_by_mistake:2 full_sum:1.8 sum:0.8 amount:1.2
        took_money:2 took_the_full:2 debited:2 withdrew:1.5 agreed_price:1.8 credit_note:2.2
        deposit:1.2 instalment:1.8 installment:1.8 billing_address:2.5 bank_account:2
        currency:1.2 per_seat:1 pay_by:1.8 tax_adviser:1.5 expense:1.2 paying:1.5
        payment_method:2 downgraded:0.8 auto_renew:1.8 free_trial:0.8 monthly:0.6 yearly:0.6
        annual:0.6 twice:0.5 plan:0.4 cancelled:0.3 cancel:0.3 purchase_order:1.5 dollar:1
        euro:1 credited:1.5 balance:1 billed:2.2 charged_twice:2.5 double_charge:2.5""",
    ),
    _concept(
        "account",
        "account login access authentication user profile identity credentials",
        """password:2 login:1.6 logins:1.6 signin:1.6 signup:1 signed_in:1.6 account:1.1 username:2
        profile:1.5 credential:1.8 locked_out:2.5 lock:1 locked:1.4 unlock:1.6 two-factor:2
        two_factor:2 2fa:2 mfa:2 authenticator:2 verification_code:2 verify:0.8
        reset_password:2.5 reset_my_password:2.5 my_password:2.2 hacked:2 hijacked:2
        my_account:1.6 deactivate:1.5 reactivate:1.5 email_address:1.4 e_mail_address:1.4
        change_my_email:2 sso:1.8 session_expired:1 logout:1.2 signout:1.2 permission:1
        access_to_my:1.2 unknown_device:1.8 my_profile:1.8 recover:1.2 recovery:1.2
        delete_my_account:2.8 close_my_account:2.8 suspicious:1 security_question:2.2
        step_verification:2 verification:1.6 confirmation_code:2 registered:1.2 register:1
        mailbox:0.8 admin_rights:2.2 admin:1 rights:1.2 role:0.8 access:1
        no_longer_have_access:2.2 have_access:1.6 blocked:1.2 user:0.6 my_user:1.6 my_name:1
        my_data:0.6 invitation:0.4 merge:0.6 forgot:1 forgotten:1 passcode:1.8 pin:0.5
        identity:1.4 log_me_in:1.6 get_into:1.2 get_in:1 display_name:1.8 my_email:1.2
        my_old_email:1.8 old_number:1.2 my_phone_number:1.4 impersonate:1.6 someone_else:0.6
        remove_him:1 remove_her:1 remove_them:0.8 former_employee:1 left_the_company:1
        about_me:1.4 everything_about_me:2 wasn't_me:1.6 activation:1.6 take_over:0.8""",
    ),
    _concept(
        "feature request",
        "feature request suggestion enhancement improvement idea wish wishlist",
        """feature:1.4 feature_request:3 would_be_nice:2.8 would_be_great:2.8 would_be_good:2.4
        would_be_helpful:2.6 would_be_useful:2.6 would_be_awesome:2.6 would_be_cool:2.4
        would_be_possible_to_add:3 would_it_be_possible:1.6 it_possible_to_add:2 would_love:2.4
        we'd_love:2.4 i'd_love:2.4 i'd_like_to_see:2 would_like_to_see:2.4 would_like:0.8
        please_add:2.6 please_support:2.2 please_let:1.8 please_allow:2 please_make:1.5
        please_provide:1 please_consider:2 consider_adding:2.5 could_you_add:2.6 can_you_add:2.6
        could_we_have:2 can_we_have:2 can_we_get:1.8 any_chance:1.8 any_plan:2 plan_to_add:2
        plan_to_support:2.2 on_the_roadmap:2.2 roadmap:1.8 wish:1.6 i_wish:2 wishlist:2
        suggest:1.6 suggestion:2 idea:1 enhancement:2 improvement:1.2 dark_mode:1.2 add_a:1
        add_an:1 add_support:2.4 an_option_to:1.5 option_to:0.8 as_an_option:1.8 being_able_to:2
        bring_back:1.8 please_bring:2 please_offer:2 please_include:1.6 please_introduce:2.2
        please_enable:1.4 please_implement:2.4 please_build:2 it'd_be:1.8 it_would_be:1.6
        would_be:0.8 handy:1 would_save:1.8 would_make:1.4 would_improve:2 are_there_plan:2.4
        is_there_a_plan:2.4 are_you_planning:2.4 do_you_plan:2.4 will_you_add:2.4
        will_there_be:1.8 why_not:1.4 why_isn't_there:1.6 why_can't_we:1.2 i_miss:1.4
        we_miss:1.4 what_i_miss:1.8 i'm_missing:1.4 support_for:1.2 also_be:1.2 be_available:1
        available_as:1 could_the:1 could_there_be:2 could_it:0.8 could_you_make:1.8
        could_you_offer:2 can_you_make:1.6 can_you_bring:1.8 could_you_bring:1.8
        like_other_tools:1.5 like_in:0.3 more_than_one:0.6 a_way_to:0.8 needs_a:1 needs_an:1
        should_have:1.4 should_offer:1.8 should_support:1.8 should_allow:1.8
        it_should_be_possible:2 instead_of_only:1 would_appreciate:1.4 i_vote_for:2
        i'd_like_to:1.4 we'd_like_to:1.4 i'd_like_a:1.4 have_you_thought:2.4
        have_you_considered:2.4 did_you_consider:2 please_extend:1.8 ability_to:1.4 a_way_to:0.8
        integration:0.8 integrate:0.8 shortcut:0.3 would_help:1.6 help_us:0.6 missing_is:1
        missing_feature:2 it_would_save:1.5 let_us:1 allow_us:1.2 allow_me:1 should_be_able:1.4
        want_to_be_able:1.8 customize:0.5 if_you_could:1.4 if_we_could:1.8 if_i_could:1.8
        could_show:0.6""",
    ),
    _concept(
        "question",
        "question inquiry enquiry howto help information info general how-to ask",
        # Counted only in sentences that ask, see `labels.py`.
        """how_do_i:1.9 how_do_we:1.9 how_do_you:1.6 how_can_i:1.9 how_can_we:1.9 how_to:1.3
        how_does:1.7 how_many:1.7 how_much:1 how_long:1.7 how_often:1.7 how_big:1.7 how:0.5
        where_can_i:1.9 where_do_i:1.7 where_is:1.5 where_are:1.5 where:0.5 what_is:1.6
        what_are:1.6 what_does:1.6 what's:1.2 what:0.4 which:0.9 when_will:1.3 when_does:1.6
        when:0.4 who:0.9 why:0.5 do_i:1.2 are_you:0.8 are_the:1.2 will_my:1.2 will_the:1.2
        what_happens:2 if_i:0.4 can_guest:1 can_a:1.2 can_other:1.2 can_my:1.2 can_the:1.2
        is_my:1.2 has_the:0.8 can_i:1.6 can_we:1.2 can_you_tell:1.8 could_you_explain:2
        explain:1.2 is_it_possible:1.4 is_there:1.6 are_there:1.6 is_there_a_way:1.8 does_it:1.5
        does_the:1.5 does_your:1.6 do_you:1.5 do_i_need:1.8 do_i_have:1.4 is_the:0.7 is_your:1
        am_i:1 should_i:1.4 wonder:1.2 curious:1.2 difference_between:1.8 documentation:1
        tutorial:1.2 want_to_know:1.6 like_to_know:1.6""",
    ),
    _concept(
        "shipping",
        "shipping delivery shipment logistics order package",
        """deliver:1.5 delivery:2 ship:1.8 shipping:2 shipment:2 parcel:2 package:1.8 courier:2
        tracking:1.8 track:1 arrive:1 order:0.8 warehouse:1.5 dispatch:1.8 customs:1.5
        postal:1.5 lost_in_transit:2.5 never_arrived:2""",
    ),
    _concept(
        "returns",
        "return returns exchange refund refunds",
        """return:1.6 send_back:2 exchange:1.6 refund:2 wrong_size:2 damaged:1.4 defective:1.5
        money_back:2.2 replacement:1.6 warranty:1.5""",
    ),
    _concept(
        "cancellation",
        "cancellation cancel churn unsubscribe termination",
        """cancel:2.2 cancellation:2.4 unsubscribe:2.4 terminate:2 end_my_subscription:2.6
        stop_my_subscription:2.6 downgrade:1.4 close_my_account:2 not_renew:2 quit:1.2""",
    ),
    _concept(
        "complaint",
        "complaint complain dissatisfaction",
        """complain:2 complaint:2.2 unacceptable:2.2 disappointed:1.8 terrible:1.5 awful:1.5
        rude:1.8 ridiculous:1.8 worst:1.5 never_again:2 fed_up:2 angry:1.5 waited:0.8""",
    ),
    _concept(
        "praise",
        "praise compliment thanks thank appreciation feedback gratitude",
        """thank:1.8 thanks:1.8 great_job:2.2 well_done:2.2 love:1.2 amazing:1.3 excellent:1.3
        appreciate:1.8 awesome:1.3 kudos:2 fantastic:1.3 wonderful:1.3 keep_up:1.6""",
    ),
    _concept(
        "security",
        "security vulnerability breach abuse fraud",
        """security:1.8 vulnerability:2.2 hack:1.8 hacked:2 breach:2 phishing:2.2 malware:2.2
        virus:1.6 leak:1.6 leaked:1.8 stolen:1.6 unauthorized:1.8 xss:2.2 injection:1.6 fraud:2
        suspicious:1.5 encrypted:0.8 attack:1.5 exploit:2""",
    ),
    _concept(
        "performance",
        "performance speed slowness latency",
        """slow:2 slowly:2 latency:2 lag:1.8 performance:1.8 takes_forever:2.4 seconds_to:1.2
        minutes_to:1.2 cpu:1.4 memory:1.2 freeze:1 speed:1.4 faster:1""",
    ),
    _concept(
        "sales",
        "sales pricing quote demo purchase upgrade",
        """price:1.4 pricing:1.8 quote:1.8 demo:1.4 buy:1.5 purchase:1.4 upgrade:1.4 license:1.2
        licence:1.2 enterprise:1 discount:1.2 trial:1.2 seats:1.2 contract:1 sales:1.6""",
    ),
    _concept(
        "legal",
        "legal privacy compliance gdpr law",
        """gdpr:2.2 privacy:2 legal:1.8 law:1.4 lawyer:2 contract:1.2 terms:1.2 compliance:2
        personal_data:2 consent:1.6 court:1.6 sue:1.8 regulation:1.6 dpa:1.8""",
    ),
    _concept(
        "spam",
        "spam junk advertising scam",
        """winner:1.6 won:1 prize:2 free:0.6 click_here:2.2 lottery:2.4 casino:2.4 viagra:3
        limited_offer:2 act_now:2.2 guaranteed:1.2 earn:1.2 bitcoin:1.2 crypto:1 unsubscribe:0.8
        congratulations:1 claim:1 inheritance:2 cheap:1 per_cent_off:1.4 seo:1.4 cash:1""",
    ),
    _concept(
        "urgent",
        "urgent critical high severe emergency important p0 p1 blocker",
        """urgent:2.5 urgently:2.5 immediately:2 asap:2.5 critical:2.2 emergency:2.5 outage:2.2
        production:1.2 down:1 blocked:1.6 blocking:1.6 deadline:1.4 right_now:1.8 cannot_work:2
        can't_work:2 everyone:0.8 all_users:1.6 losing:1.4 data_loss:2.2 security:1.2 crash:1
        at_once:1.6 today:0.6 nobody_can:1.8 customers_are:1.2 unusable:1.6""",
    ),
    _concept(
        "minor",
        "low minor trivial cosmetic p3 p4 unimportant",
        """minor:2 small:1 typo:2.2 cosmetic:2.2 whenever:1.4 no_rush:2.6 not_urgent:2.8
        nice_to_have:2.2 would_be_nice:1.5 low_priority:2.5 colour:0.8 color:0.8 spelling:1.4
        someday:1.6 no_hurry:2.6 curious:1 wondering:1 suggestion:1""",
    ),
    _concept(
        "politics",
        "politics political government world",
        """government:1.6 minister:2 president:1.6 parliament:2.2 election:2.2 vote:1.6 senate:2.2
        party:1 law:1 policy:1.2 campaign:1.2 diplomat:2 treaty:1.8 protest:1.4 war:1.4 border:1
        sanctions:1.8 troops:1.8 mayor:1.6 coalition:1.8 opposition:1.4""",
    ),
    _concept(
        "sports",
        "sport sports game athletics football",
        """match:1.4 team:1.2 goal:1.4 coach:1.8 league:1.8 player:1.6 season:1.2 tournament:2
        championship:2 olympic:2.2 football:2.2 soccer:2.2 tennis:2.2 basketball:2.2 striker:2.2
        defeated:1.4 scored:1.8 cup:1 stadium:1.8 race:1.2 medal:1.8 injury:1 final:0.8
        halftime:2""",
    ),
    _concept(
        "business",
        "business economy economics finance market company",
        """company:1.2 market:1.4 stock:1.6 share:1 profit:1.8 revenue:2 quarter:1.4 investor:1.8
        merger:2 acquisition:1.8 ceo:1.6 earnings:2 bank:1.2 inflation:2 trade:1.2 economy:1.8
        startup:1.6 sales:1.2 layoffs:1.8 billion:1.2 shareholders:2 interest_rate:2""",
    ),
    _concept(
        "technology",
        "technology tech computing software sci",
        """software:1.8 app:1.2 computer:1.8 chip:1.6 internet:1.6 smartphone:2 phone:1 ai:1.6
        robot:1.8 developer:1.4 code:1.4 data:1 cloud:1.4 server:1.4 algorithm:1.8 startup:1
        cybersecurity:2 processor:2 gadget:1.8 browser:1.5 device:1.2 update:0.8 programming:1.8""",
    ),
    _concept(
        "science",
        "science research scientific nature",
        """scientist:2 research:1.6 researcher:1.8 study:1.4 experiment:1.8 planet:1.8 space:1.4
        telescope:2 species:1.8 physics:2 chemistry:2 biology:2 climate:1.4 molecule:2 genome:2
        fossil:2 laboratory:1.8 nasa:2 galaxy:2 discovered:1.2 theory:1.4""",
    ),
    _concept(
        "health",
        "health medical medicine healthcare wellness",
        """doctor:1.8 patient:1.8 hospital:2 disease:2 vaccine:2.2 virus:1.4 treatment:1.4 drug:1.4
        symptom:2 health:1.8 medical:1.8 surgery:2 diet:1.6 exercise:1.2 cancer:2 therapy:1.8
        infection:1.8 nurse:1.8 sleep:1 pain:1.2""",
    ),
    _concept(
        "entertainment",
        "entertainment culture arts movies music film celebrity",
        """film:1.8 movie:2 actor:2 actress:2 album:2 song:1.8 singer:2 concert:2 band:1.4
        festival:1.4 director:1.2 premiere:2 series:1 netflix:1.8 theatre:1.8 theater:1.8
        museum:1.4 novel:1.6 award:1.2 oscar:2 streaming:1 celebrity:2 painting:1.4
        exhibition:1.6""",
    ),
    _concept(
        "travel",
        "travel tourism trip vacation flight hotel",
        """flight:1.8 hotel:1.8 airport:2 trip:1.6 travel:1.8 tourist:1.8 beach:1.4 visa:1.6
        passport:1.8 train:1 booking:1.4 itinerary:2 luggage:2 resort:1.8 cruise:1.8 vacation:2
        holiday:1.4""",
    ),
    _concept(
        "food",
        "food cooking recipe restaurant dining cuisine",
        """recipe:2 restaurant:1.8 cook:1.6 dish:1.6 meal:1.6 chef:2 taste:1.4 delicious:1.6
        flavour:1.6 flavor:1.6 bake:1.8 menu:1.4 ingredient:2 soup:1.6 pasta:1.8 pizza:1.8
        dessert:1.8 wine:1.4""",
    ),
    _concept(
        "weather",
        "weather forecast climate",
        """rain:2 snow:2 storm:2 temperature:1.6 sunny:2 cloud:1 wind:1.4 forecast:1.8 degrees:1.2
        hurricane:2 flood:1.6 heatwave:2 thunder:2 humidity:2""",
    ),
    _concept(
        "education",
        "education school academic learning",
        """school:1.8 student:1.8 teacher:2 university:1.6 exam:1.8 course:1.2 homework:2
        lesson:1.6 class:1 curriculum:2 tuition:1.8 professor:1.6 degree:1 college:1.6
        classroom:2""",
    ),
    _concept(
        "greeting",
        "greeting hello salutation",
        """hello:2 hi:2 hey:1.8 good_morning:2.4 good_evening:2.4 good_afternoon:2.4
        how_are_you:2.2""",
    ),
    _concept(
        "farewell",
        "farewell goodbye closing",
        "bye:2.2 goodbye:2.4 see_you:2 good_night:2.2 take_care:1.8 farewell:2.2",
    ),
    _concept(
        "anger",
        "anger angry furious mad",
        """angry:2.2 furious:2.5 outrageous:2.2 unacceptable:1.8 hate:1.6 ridiculous:1.6 mad:1.6
        annoyed:1.8 annoying:1.6 fed_up:2 rage:2 sick_of:2 how_dare:2.2""",
    ),
    _concept(
        "joy",
        "joy happy happiness excited delight",
        """happy:2 glad:1.8 thrilled:2.2 delighted:2.2 excited:2 love:1.2 wonderful:1.4 yay:2
        can't_wait:2 celebrate:1.6 joy:2.2 smile:1.4 laughed:1.4 best_day:2""",
    ),
    _concept(
        "sadness",
        "sadness sad grief sorrow unhappy",
        """sad:2.2 cry:1.8 crying:2 cried:2 lonely:2 miss:1 grief:2.2 heartbroken:2.4 depressed:2.2
        tears:1.8 lost:0.6 sorry_for_your:1.6 mourn:2 unhappy:2 died:1.6""",
    ),
    _concept(
        "fear",
        "fear afraid scared anxiety worried",
        """afraid:2.2 scared:2.2 fear:2 terrified:2.4 worried:1.8 nervous:1.8 anxious:2 panic:2
        frightening:2 nightmare:1.6 dread:2""",
    ),
    _concept(
        "surprise",
        "surprise surprised shock",
        """surprised:2.2 surprise:1.8 unexpected:1.4 wow:1.8 can't_believe:2 shocked:1.8
        astonished:2.2 suddenly:0.8 no_idea:0.8 never_expected:2""",
    ),
)

POSITIVE = frozenset(
    stem(word)
    for word in word_list(
        """good great excellent love loved lovely amazing wonderful fantastic happy best perfect
        delightful delighted awesome superb nice pleasant pleased enjoy enjoyed enjoyable
        brilliant friendly helpful fast quick quickly easy reliable recommend recommended
        beautiful comfortable impressive impressed satisfied thank thanks thrilled glad smooth
        smoothly works worth outstanding favorite favourite gorgeous delicious fresh clean kind
        polite fun terrific solid flawless flawlessly superior better solved affordable tasty
        cozy cosy stunning win success successful charming efficient intuitive elegant excited
        laughing superbly crisp sturdy durable handy welcome welcoming warm generous fair gem
        treasure joy pleasure incredible marvelous marvellous exceptional remarkable spotless
        attentive courteous professional helpful responsive knowledgeable patient accurate
        trustworthy honest talented memorable magical inspiring uplifting refreshing relaxing
        juicy yummy heavenly adorable cute stylish sleek lightweight quiet silky vibrant rich
        powerful seamless effortless convenient hilarious captivating masterpiece happier nicer
        finest blessed grateful proud cheerful hopeful optimistic gain growth improved
        improvement thriving victory love bliss"""
    )
)
NEGATIVE = frozenset(
    stem(word)
    for word in word_list(
        """bad terrible awful hate hated worst horrible broken sad poor poorly disappointing
        disappointed disappointment slow crash crashes angry useless waste rude dirty cheap fail
        failed fails failure boring annoying annoyed frustrating frustrated unhappy ugly noisy
        expensive overpriced defective faulty wrong problem problems error errors cold stale
        bland unreliable uncomfortable unacceptable ridiculous disaster nightmare regret tore
        torn leak leaks leaking ignored refuse refused scam misleading mediocre worse stopped
        lost missing unusable overheats overheating painful confusing confused complicated
        dreadful disgusting pathetic lousy sloppy late delayed delay damaged cracked scratched
        flimsy avoid complaint complaints stuck unfriendly broke ruined smelly stink stinks
        worthless inferior issue issues flaw flaws bug bugs blame clumsy hard unclear scary
        greasy soggy undercooked overcooked tasteless harsh hostile arrogant incompetent
        unprofessional unhelpful careless shabby worn stained mouldy moldy rotten nasty gross
        foul disgusted appalling atrocious abysmal shameful embarrassing insulting offensive
        cruel unfair unjust deceptive fake counterfeit pricey exorbitant weak tired tedious dull
        predictable pointless silly stupid dumb ridiculous absurd tragic depressing gloomy
        miserable hopeless pain hurt suffering sick ache ripped shattered bent rusty jammed
        laggy buggy glitchy sluggish messy crowded cramped chaotic unsafe dangerous toxic angry
        furious upset mad loss losses decline collapse crisis fear panic lie lied cheated ruin
        lacking lacks insufficient inadequate unpleasant unsatisfied dissatisfied regrettable
        sad sadly unfortunately pity"""
    )
)
NEGATIONS = frozenset(
    stem(word)
    for word in word_list(
        """not no never neither nor without hardly barely isn't wasn't aren't weren't don't doesn't
        didn't can't cannot couldn't won't wouldn't shouldn't nothing nobody none"""
    )
)
INTENSIFIERS = frozenset(
    stem(word)
    for word in word_list(
        """very really extremely absolutely totally completely so incredibly highly ever"""
    )
)

POSITIVE_NAMES = frozenset(
    stem(w) for w in ["positive", "good", "favorable", "favourable", "pos", "happy"]
)
NEGATIVE_NAMES = frozenset(
    stem(w) for w in ["negative", "bad", "unfavorable", "unfavourable", "neg", "unhappy"]
)
NEUTRAL_NAMES = frozenset(stem(w) for w in ["neutral", "objective", "factual", "neither"])
MIXED_NAMES = frozenset(stem(w) for w in ["mixed", "ambivalent", "both"])
OTHER_NAMES = frozenset(
    stem(w) for w in word_list("other others none unknown misc miscellaneous general else unclear")
)


# Phrases that praise or blame although no word in them does.
PRAISE = _concept(
    "praise in phrases",
    "",
    """five_stars:2 5_stars:2 four_stars:1 can't_imagine:1.5 without_it:0.5 exactly_what:1.2
    exactly_as:1.2 does_what_it:1 just_works:1.5 would_buy_again:2 will_buy_again:2
    buy_again:1.2 come_back:0.8 will_be_back:1.5 coming_back:1 two_thumbs_up:2 thumbs_up:1.5
    game_changer:2 must_have:1.5 well_made:1.5 well_worth:1 life_saver:2 lifesaver:2
    exceeded:1.5 beyond_expectations:1.5 made_my_day:2 can't_wait:1.2 blown_away:2 bargain:1
    good_value:1 top_notch:1.8 no_issue:1.5 like_a_charm:2 like_a_dream:2 hooked:1.2 in_love:1.2
    best_thing:1.5 second_to_none:2 couldn't_be_happier:3 could_not_be_happier:3
    couldn't_be_better:2.5 couldn't_ask_for:2 go_back:0.5 treat:0.5 laughed:0.8 smile:1""",
)
BLAME = _concept(
    "blame in phrases",
    "",
    """one_star:2 1_star:2 zero_stars:2 two_stars:1.2 sent_it_back:1.5 sending_it_back:1.5
    send_it_back:1.5 returned_it:1.2 returning_it:1.2 wouldn't_buy:1.8 would_not_buy:1.8
    won't_buy:1.8 not_buy:1.2 never_buy:1.5 buy_elsewhere:1.8 stay_away:2 save_your_money:2
    not_worth:1.8 isn't_worth:1.8 wasn't_worth:1.8 get_what_you_pay:1 very_little:0.8
    fell_apart:2 falls_apart:2 let_down:1.5 never_again:2 nobody_called:1.5 nobody_answered:1.5
    no_one_answered:1.5 no_answer:1.2 no_reply:1.2 never_called:1.5 never_replied:1.5
    never_came:1.5 promised:0.6 waited:1 still_waiting:1.5 on_hold:1 hung_up:1.5 too_small:1
    too_loud:1 too_big:1 too_slow:1 too_hard:0.8 too_sweet:1 not_what:1.2 not_as:1
    doesn't_work:1.8 didn't_work:1.8 not_working:1.8 no_longer_works:1.8 not_recommend:1
    rip_off:2 ripped_off:2 for_nothing:1 thrown_away:1.5 threw_it:1.5 wish_i_had:1 gave_up:1.2
    had_to_throw:1.5 money_back:1 half_an_hour:0.6 thin:0.6 tinny:1 hair_in:1 walked_out:1.5
    fell_asleep:1.2 good_luck_getting:2.5 died_within:1.5 died_after:1.5 close_properly:1
    work_properly:1.2 fit_properly:1 left_early:1.2 cold_food:1 expected_more:1.5
    expected_better:1.5 had_hoped:1 could_have_been_better:1.5 could_be_better:1""",
)


def concepts_named(words: Iterable[str]) -> list[Concept]:
    """The concepts that a label's stems name."""
    wanted = set(words)
    return [concept for concept in CONCEPTS if concept.names & wanted]


def sentiment(stems: Sequence[str]) -> tuple[float, float]:
    """Weight of praise and of blame, both at least 0. A negation turns the next four words."""
    praise, blame = sum(PRAISE.found_in(stems).values()), sum(BLAME.found_in(stems).values())
    last_negation = -10
    for position, word in enumerate(stems):
        if word in NEGATIONS:
            last_negation = position
            continue
        weight = 1.5 if position and stems[position - 1] in INTENSIFIERS else 1.0
        negated = 0 < position - last_negation <= 5
        if word in POSITIVE:
            praise, blame = (praise, blame + weight) if negated else (praise + weight, blame)
        elif word in NEGATIVE:
            praise, blame = (praise + weight, blame) if negated else (praise, blame + weight)
    return praise, blame
