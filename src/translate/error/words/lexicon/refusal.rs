//! Words of declining, and words that contradict it.

/// It declines, with any words after it.
pub(in super::super) const DECLINE: &[&str] = &[
    "_i_must_refuse_|_have_to_refuse_|_i'll_pass_|_not_appropriate_for_me_|\
     _not_something_i'm_willing_|_lehne_ich_ab_|_ich_lehne_|_davon_absehen_|_me_niego_|\
     _debo_rechazar_|_tengo_que_rechazar_|_abstenerme_|_abstengo_|_m'abstenir_|_m'abstiens_|\
     _recuso_|_devo_negar_|_turn_this_one_down_|_muss_ich_passen_|_passe_ich_|\
     _muss_ich_verzichten_|_negarme_|_tengo_que_negar|_je_passe_mon_tour_|_je_m'y_refuse_|\
     _tenho_que_negar_|_abster|_i_must_decline_|_have_to_decline_|_i_decline_|_i'll_decline_|\
     _need_to_decline_|_going_to_decline_|_i'm_uncomfortable_|_crosses_a_line_for_me_|\
     _i_steer_away_|_i'll_steer_clear_|_have_to_turn_this_|_have_to_turn_that_|_must_turn_this_|\
     _not_something_i'm_able_|_auf_dieses_bild_muss_ich_|_davon_möchte_ich_absehen_|\
     _ist_mir_nicht_erlaubt_|_ist_mir_nicht_gestattet_|_prefiero_no_hacer_|_prefiero_no_crear_|\
     _prefiero_no_gener|_prefiro_não_criar_|_prefiro_não_gerar_|_prefiro_não_fazer_|\
     _não_me_é_permitid|_i_refuse_|_we_refuse_|_i_will_decline_|_i'd_decline_|_i_would_decline_|\
     _respectfully_decline_|_politely_decline_|_i'm_declining_|_sit_this_one_out_|\
     _i'll_have_to_pass_|_no_can_do_|_hard_no_|_hard_pass_|_not_something_i_do_|\
     _not_something_i_make_|_not_something_i_create_|_i'll_say_no_|_have_to_refrain_|\
     _i'll_refrain_|_i_must_refrain_|_must_turn_that_|_decline_this_|_decline_that_|\
     _decline_creating_|_decline_drawing_|_decline_your_|_say_no_to_this_|_say_no_to_that_|\
     _i_have_to_refuse_|_not_able_to_honor_|_that's_a_no_|_it's_a_no_|_da_mache_ich_nicht_mit_|\
     _ich_weigere_|_weigere_ich_|_lehne_ich_|_nehme_ich_abstand_|_davon_lasse_ich_|\
     _muss_ich_dankend_|_verzichte_ich_|_muss_*_ablehnen_|_me_veo_obligad|_no_me_siento_cómod|\
     _je_décline_|_je_dois_décliner_|_je_dois_refuser_|_dois_refuser_|_obligé_de_refuser_|\
     _nous_refusons_|_je_m'abstiendrai_|_pas_à_l'aise_avec_cette_|_je_dois_passer_|\
     _preciso_recusar_|_tenho_de_recusar_|_não_me_sinto_confortável_|_devo_rifiutare_|\
     _mi_rifiuto_|_devo_declinare_|_non_mi_è_consentit|_non_mi_è_permess|_mi_astengo_|\
     _not_doing_that_|_not_doing_this_|_not_making_that_|_not_making_this_|_not_drawing_that_|\
     _not_drawing_this_|_not_creating_that_|_not_creating_this_|_not_touching_this_|\
     _not_touching_that_|_not_going_to_happen_|_won't_be_doing_that_|_won't_be_doing_this_|\
     _prohibited_content_|_restricted_content_|_disallowed_content_|_banned_content_|\
     _forbidden_content_|_contenido_prohibido_|_contenu_interdit_|_contenus_interdits_|\
     _conteúdo_proibido_|_contenuto_vietato_|_verbotene_inhalt|_verbotener_inhalt|\
     _but_not_with_this_one_|_but_not_with_that_|_this_isn't_one_of_them_|\
     _that_isn't_one_of_them_|_this_is_not_one_of_them_|_i_am_declining_|_be_declining_|\
     _declining_this_|_declining_that_|_declining_your_|_declining_because_|_i_have_to_pass_|\
     _i'm_going_to_pass_|_i_must_pass_on_|_where_i_draw_the_line_|_i_draw_the_line_|\
     _a_line_i_won't_|_a_line_i_will_not_|_a_line_i_can't_|_a_line_i_don't_|_i_have_to_say_no_|\
     _i'll_have_to_say_no_|_i'm_going_to_say_no_|_say_no_to_the_|_have_to_say_no_to_|\
     _ich_ablehnen_|_ich_leider_ablehnen_|_ich_*_ablehnen_|_ich_*_zurückweisen_|_ich_verzichte_|\
     _dois_décliner_|_vais_décliner_|_préfère_décliner_|_je_m'abst|_rechazo_esta_|_rechazo_tu_|\
     _rechazo_la_solicitud_|_debo_declinar_|_no_me_está_permitid|_devo_recusar_|\
     _costretto_a_rifiutare_",
    "_вынужден_отклонить|_отказываюсь_|_откажусь_|_отклонить_|_отклоняю_|_воздержусь_|\
     _вынуждена_отказ|_придется_отказ|_придётся_отказ|_предпочту_не_|_предпочёл_бы_не_|\
     _предпочитаю_не_|_вынужден_отказ|_должен_отказ|_мне_*_отказ|_вынужден_воздерж|\
     _запрещённый_контент|_запрещенный_контент|_запрещённого_контент|_запрещенного_контент",
    "恕我|予以拒绝|婉拒|拒绝生成|拒絕生成|お受けでき|お受けいたし|お応えでき|応じられ|応じかね|\
     お引き受け|只能拒绝|只能拒絕|不得不拒|回绝|見送ら|不予生成|不予提供|控えさせ|控えており|\
     遠慮させ|遠慮いたし|必须拒绝|必須拒絕|予以回绝|恕難|恕难|不予处理|不接受这|不接受此|拒绝这|\
     拒绝该|拒绝此|敬谢不敏|无可奉告|不便提供|不便协助|不便繪|不便绘|不便画|不便生成|断らせて|\
     差し控え|お控え|できかねます|致しかね|いたしかね|応じることは|お受けすることは|控えます|\
     违规内容|違規內容|禁止内容|恕不提供|恕不生成|恕不协助|恕不協助|恕不支持|恕不受理|恕不绘|\
     恕不繪|恕不能|请求被拒|請求被拒|请求已被拒|系统拒绝|系統拒絕|系统已拒绝|系統已拒絕|生成被拒|\
     お断りし|お断りいた|お断りさせ|お断りしま|お断わりし|辞退させ|辞退いた",
    "응할_수_없|응해_드릴_수_없|수용할_수_없|금지된_콘텐츠|거절하겠|거절할_수밖에|거절합니다|\
     거부합니다|거절해야|거부하겠|삼가겠|사양하겠",
];

/// It declines, but only if a subject of policy is also named.
pub(in super::super) const SOFT: &[&str] = &[
    "_stop_here_|_stop_there_|_stop_at_this_|_skip_this_|_skip_that_|_off_limits_|\
     _off_the_table_|_rather_not_|_feel_comfortable_|_not_comfortable_|_i'm_uncomfortable_|\
     _am_uncomfortable_|_me_uncomfortable_|_isn't_allowed_here_|_not_allowed_here_|\
     _not_permitted_here_|_that's_not_allowed_|_that_isn't_allowed_|_that's_not_permitted_|\
     _this_isn't_allowed_|_this_is_not_allowed_|_isn't_permitted_|_are_not_permitted_|\
     _aren't_permitted_|_is_not_permitted_|_are_not_allowed_|_aren't_allowed_|_we_don't_allow_|\
     _not_acceptable_|_isn't_acceptable_|_unacceptable_|_disallowed_|_disallows_|\
     _not_appropriate_|_isn't_appropriate_|_please_revise_|_please_rephrase_|_please_reword_|\
     _please_modify_your_|_turned_*_down_|_was_not_processed_|_not_drawn_because_|\
     _no_image_was_created_because_|_so_no_image_was_|_therefore_no_image_|_not_going_there_|\
     _leave_it_at_that_|_not_one_i_|_a_step_too_far_|_goes_too_far_|_crosses_a_line_|\
     _crosses_the_line_|_request_*_blocked_|_prompt_*_blocked_|_request_*_rejected_|\
     _prompt_*_rejected_|_request_*_declined_|_prompt_*_declined_|_request_*_refused_|\
     _prompt_*_refused_|_prompt_*_turned_down_|_request_*_turned_down_|_off_bounds_|\
     _out_of_bounds_|_isn't_something_|_aren't_something_|_not_something_|_no_go_|\
     _against_what_i_|_nicht_erlaubt_|_nicht_gestattet_|_tabu_|_nicht_angemessen_|_unangemessen_|\
     _abgelehnt_|_blockiert_|_gesperrt_|_geht_mir_zu_weit_|_geht_zu_weit_|_kommt_nicht_in_frage_|\
     _kommt_nicht_infrage_|_bitte_formuliere_|_no_está_permitid|_no_están_permitid|_no_se_permit|\
     _no_es_apropiad|_inapropiad|_rechazad|_bloquead|_no_procede_|_reformula|_no_es_aceptable_|\
     _no_es_algo_que_|_pas_autoris|_pas_permis|_n'est_pas_approprié|_inapproprié|_refusé|_rejeté|\
     _bloqué|_reformul|_inacceptable_|_pas_acceptable_|_hors_de_question_|_interdit|\
     _não_é_permitid|_não_são_permitid|_não_é_apropriad|_inapropriad|_rejeitad|_recusad|\
     _não_é_aceitável_|_não_é_algo_que_|_non_è_consentit|_non_è_permess|_non_sono_consentit|\
     _non_sono_ammess|_inappropriat|_rifiutat|_respint|_bloccat|_riformul|_not_allowed_|\
     _not_permitted_|_don't_allow_|_doesn't_allow_|_do_not_allow_|_does_not_allow_|\
     _don't_permit_|_doesn't_permit_|_prohibits_|_prohibit_|_forbid_|_forbids_|_prohibited_|\
     _forbidden_|_verbieten_|_erlauben_|_untersag|_prohíben_|_no_permiten_|_n'autorisent_|\
     _interdisent_|_não_permitem_|_proíbem_|_vietano_|_non_consentono_|_stay_away_|_steer_clear_|\
     _steer_away_|_shy_away_|_i_avoid_|_m'arrêter_|_j'arrête_|_fermarmi_|_mi_fermo_|\
     _tengo_que_parar_|_detenerme_|_preciso_parar_|_parar_por_aqui_|_höre_ich_auf_|\
     _mache_ich_schluss_|_don't_do_|_do_not_do_|_won't_go_there_|_rule_out_|_rules_out_|\
     _preclude|_hold_back_|_irresponsible_|_wouldn't_be_right_|_isn't_okay_|_aren't_okay_|\
     _not_okay_|_isn't_right_|_unethical_|_verantwortungslos_|_irresponsable_|_irresponsável_|\
     _irresponsabile_|_to_avoid_|_must_avoid_|_unzulässig_|_nicht_zulässig_",
    "_не_допуска|_не_разреш|_запрещен|_запрещён|_отклон|_заблокир|_неуместн|_переформулир|\
     _не_стоит_|_запрещают_|_не_позволяют_|_остановиться_|_безответственно_|_недопустим|\
     _неприемлем|_не_допускаем_",
    "不允许|不允許|不被接受|被拦截|被攔截|被屏蔽|被拒|禁止生成|不合适|不合適|不妥|請修改|请修改|\
     修改后再|修改後再|换一个描述|換一個描述|不可以生成|許されて|許可され|禁止されて|認められ|\
     ふさわしくありま|不適切なため|ブロックされ|見合わせ|控え|難しい|到此为止|ここまでに|\
     不负责任|無責任|許可されて|認められて|認められま|不被允许|不被允許|被拒绝|被拒絕|已拒绝|\
     已拒絕|却下|拒否",
    "허용되지|금지되|금지된|부적절|차단|적절하지_않|허용하지|거절|거부",
];

/// The model itself, or this place.
pub(in super::super) const ME: &[&str] = &[
    "_i_|_i'm_|_i'd_|_i'll_|_me_|_my_|_we_|_our_|_us_|_here_|_ich_|_mir_|_mich_|_wir_|_hier_|\
     _nos_|_aquí_|_je_|_moi_|_nous_|_ici_|_eu_|_mim_|_nós_|_aqui_|_io_|_noi_|_qui_|_with_this_|\
     _with_that_|_from_me_|_of_me_|_for_me_",
    "_я_|_мне_|_мы_|_нам_|_здесь_",
    "我|此|这|這|本|ため|画像|この",
    "저|이_이미지|요청",
];

/// It is rejected. A refusal only if a subject of policy is also named.
pub(in super::super) const REJECTED: &[&str] = &[
    "_declined_|_rejected_|_refused_|_blocked_|_denied_|_flagged_|_turned_down_|_disallowed_|\
     _not_accepted_|_not_approved_|_abgelehnt_|_zurückgewiesen_|_blockiert_|_rechazad|_bloquead|\
     _denegad|_refusée_|_rejetée_|_bloquée_|_recusad|_rejeitad|_negad|_respint|_rifiutat|\
     _bloccat|_stopped_|_triggered_|_caught_|_tripped_|_picked_up_|_not_passed_|_not_pass_|\
     _didn't_pass_|_did_not_pass_|_ausgelöst_|_gestoppt_|_déclench|_arrêté|_detenid",
    "_отклон|_заблок|_отказано_|_сработал|_не_прош",
    "拒绝|拒絕|拦截|攔截|驳回|駁回|不通过|不通過|拒否|却下|ブロック|触发|觸發|未通过|未通過|命中|\
     没通过|沒通過|引っかか|抵触",
    "거부|거절|차단|걸렸",
];

/// A first sentence, or its start before a comma, that is only "no".
pub(in super::super) const BARE_NO: &[&str] = &[
    "_no_|_nope_|_nein_|_leider_nein_|_non_|_não_|_no_way_|_sorry_no_|_absolutely_not_|\
     _not_a_chance_|_refused_|_rejected_|_denied_|_declined_|_va_a_ser_que_no_|_me_temo_que_no_|\
     _désolé_non_|_désolé_,_non_|_infelizmente_não_|_purtroppo_no_|_not_possible_|\
     _auf_keinen_fall_|_de_ninguna_manera_|_de_jeito_nenhum_",
    "_нет_|_к_сожалению_,_нет_",
    "_不行_|_不可以_|_不_|_だめです_|_いいえ_",
    "_안_됩니다_|_안돼요_|_아니요_",
];

/// Why an image could not be made. Sufficient only if the sentence names a subject of policy.
pub(in super::super) const CAUSE: &[&str] = &[
    "_because_it_|_because_this_|_because_that_|_because_the_request_|_because_the_prompt_|\
     _because_your_|_because_the_description_|_since_it_|_since_this_|_since_the_request_|\
     _since_the_prompt_|_since_your_|_as_it_|_as_this_|_as_your_|_as_the_request_|\
     _as_the_prompt_|_weil_es_|_weil_sie_|_weil_er_|_da_es_|_da_sie_|_da_er_|_weil_die_anfrage_|\
     _weil_das_motiv_|_porque_|_ya_que_|_car_elle_|_car_il_|_parce_qu'|_puisqu'|_pois_|_já_que_|\
     _perché_|_poiché_",
    "_так_как_|_потому_что_|_поскольку_",
    "因为|因為|由于|由於|ため|ので",
    "때문|므로",
];

/// An offer of something else.
pub(in super::super) const OFFER: &[&str] = &[
    "_version_|_alternative_|_instead_|_something_|_one_that_|_i_can_|_i_could_|_idea_that_|\
     _stattdessen_|_alternativ|_fassung_|_variante_|_versión_|_versão_|_versione_|_à_la_place_",
    "_вариант|_вместо_",
    "版本|替代|改成|换成|代わり|別の",
    "대신|버전",
];

/// Words that negate the claim of a sentence.
pub(in super::super) const NO: &[&str] = &[
    "_no_|_not_|n't_|_nothing_|_never_|_cannot_|_nicht_|_kein|_ne_|_pas_|_não_|_non_",
    "_не_",
    "没|未|不|ません|ない",
    "않|못|없",
];

/// No rule forbids it.
pub(in super::super) const NOT_THE_RULES: &[&str] = &[
    "_not_a_policy_|_not_a_content_|_isn't_a_policy_|_isn't_a_content_|\
     _not_related_to_your_prompt_|_not_because_of_your_|_doesn't_violate_|_does_not_violate_|\
     _nothing_wrong_with_your_|_not_about_your_prompt_|_nothing_to_do_with_your_|_not_a_refusal_|\
     _isn't_a_refusal_|_not_due_to_your_|_not_a_safety_|_isn't_a_safety_|_no_policy_issue|\
     _nichts_mit_dem_inhalt_|_keine_ablehnung_|_liegt_nicht_an_|_verstößt_nicht_|_no_infringe_|\
     _no_viola_|_no_es_un_problema_de_contenido_|_não_viola_|_não_é_um_problema_de_conteúdo_|\
     _n'enfreint_pas_|_ne_viole_pas_|_no_problem_with_your_prompt_|_isn't_about_the_content_|\
     _not_about_the_content_|_your_prompt_is_fine_|_the_prompt_is_fine_|_prompt_itself_is_fine_|\
     _nothing_against_|_keine_richtlinien_verletzt_|_non_viola_|_non_è_un_problema_di_contenut",
    "_не_нарушает_|_не_связано_с_|_не_из_за_содержания_",
    "不违反|不違反|没有违反|沒有違反|与内容无关|與內容無關|違反していません|内容の問題では|\
     並無違反|并未违反",
    "와_무관|위반하지_않",
];

/// The client must first provide more.
pub(in super::super) const UNTIL: &[&str] = &[
    "_until_|_without_knowing_|_without_more_|_unless_you_tell_|_unless_you_give_|_before_i_can_|\
     _before_i_know_|_need_more_|_a_bit_more_|_more_detail|_tell_whether_|_see_the_image_|\
     _see_any_|_find_the_|_open_the_|_bevor_|_ohne_weitere_|_mehr_details_|_mehr_angaben_|\
     _anhang_|_erst_wenn_|_hasta_que_|_sin_saber_|_más_detalles_|_adjunt|_antes_de_|_necesito_|\
     _avant_de_|_tant_que_|_sans_savoir_|_plus_de_détails_|_jointe_|_até_que_|_sem_saber_|\
     _mais_detalhes_|_anexad|_preciso_|_not_sure_|_don't_know_|_do_not_know_|_sais_pas_|_no_sé_|\
     _não_sei_|_weiß_nicht_|_nicht_sicher_|_if_i_|_let_me_know_|_tell_from_|_decide_|_entendi_|\
     _entiendo_|_don't_worry_|_sin_problema_|_seguro_de_|_sûr_de_|_which_one_|_which_of_|\
     _know_which_|_tell_which_|_say_which_|_enough_information_|_enough_detail|_not_clear_|\
     _unclear_|_nicht_verstanden_|_not_understand_|_don't_understand_|_don't_see_|\
     _don't_have_the_|_see_an_|_see_which_|_see_what_|_see_your_|_tell_if_|_tell_what_|\
     _tell_how_|_guess_|_assume_|_promise_|_guarantee_|_wait_to_|_wait_for_|_access_the_file_|\
     _access_your_|_access_that_|_access_the_link_|_open_that_|_open_this_|_open_your_|\
     _view_the_|_view_your_|_download_|_fetch_|_read_the_|_read_your_|_find_any_|_find_a_|\
     _help_but_|_be_sure_|_exact_wording_|_resend_|_once_you_|_as_soon_as_you_|_unless_you_|\
     _recall_|_remember_|_nicht_öffnen_|_nicht_erkennen_|_nicht_sehen_|_nicht_versprechen_|\
     _garantier|_sobald_|_hochlad|_no_veo_|_no_encuentro_|_ver_la_imagen_|_ver_el_|_abrir_|_súbe|\
     _garantizar_|_cuál_|_ne_vois_pas_|_voir_l'image_|_voir_la_|_ouvrir_|_télécharg|_garantir_|\
     _lequel_|_laquelle_|_não_vejo_|_ver_a_imagem_|_envie_|_enviar_de_novo_|_finché_|_allegat|\
     _mi_serve_|_ho_bisogno_|_più_dettagli_|_non_vedo_|_non_so_|_non_sono_sicur|_caricar|_quale_|\
     _i_need_to_know_|_i_need_a_|_i_need_the_|_i_need_your_|_i_need_more_|_attachment|_attached_|\
     _yet_|_upload_",
    "_пока_вы_не_|_без_уточн|_больше_деталей_|_прикреп|_вложен|_не_знаю_|_не_понимаю_|_не_уверен|\
     _не_понял|_не_указан|_не_вижу_|_открыть_файл|_загруз|_какой_|_какая_|_какую_|_обещать_|\
     _дождаться_|_гарантир",
    "之前|先告诉|先告訴|更多细节|更多細節|上传|上傳|看不到|附件|添付|詳しく|詳細|見当たり|\
     見つかり|教えて|不确定|不確定|不知道|能不能|可不可以|会不会|會不會|要不要|是不是|\
     分かりません|わかりません|ご安心|放心|看不清|打不开|打不開|找不到|哪一|哪个|哪個|保证|保證|\
     读取|讀取|没看到|沒看到|没有看到|沒有看到|開けません|開くことができ|確認でき|読み取れ|\
     読み込め|どちら|保証",
    "첨부|알려_주|말씀해|모르|확실하지|더_자세|업로드|보이지|열_수_없|확인할_수_없|어느",
];

/// A plan, not a refusal.
pub(in super::super) const PLAN: &[&str] = &[
    "_i'd_draw_|_i'd_show_|_i'd_use_|_i'd_go_|_i'd_put_|_i'd_keep_|_i'd_make_|_i'd_add_|\
     _i'd_place_|_i'd_leave_|_i'd_suggest_|_i'd_frame_|_i'd_paint_|_so_i'd_|_so_i'll_|_i'd_say_|\
     _i'd_set_|_i'd_imagine_|_then_i'd_|_i'll_draw_|_i'll_use_|_i'll_show_|_i'll_keep_|\
     _i'll_leave_|_i'll_put_|_i_would_draw_|_i_would_show_|_i_would_use_|_ich_würde_|\
     _dann_zeichne_|_zeichne_ich_es_|_yo_pondría_|_lo_dibujo_|_la_dibujo_|_je_mettrais_|\
     _je_le_dessine_|_je_la_dessine_|_je_le_place_|_desenho_de_|_lo_disegno_|_la_disegno_",
    "_нарисую_его_|_нарисую_её_|_я_бы_",
];

/// The beginning of a text that accepts the task.
pub(in super::super) const ACCEPT: &[&str] = &[
    "_sure_|_ok_|_okay_|_got_it_|_great_|_of_course_|_certainly_|_absolutely_|_understood_|\
     _alright_|_working_on_|_i'm_going_to_draw_|_i'm_going_to_create_|_here's_|_here_is_|\
     _here_are_|_sounds_|_nice_|_happy_to_|_done_|_finished_|_perfect_|_let's_|_gerne_|_klar_|\
     _natürlich_|_verstanden_|_ich_zeichne_|_ich_erstelle_|_hier_ist_|_fertig_|_claro_|\
     _por_supuesto_|_vale_|_perfecto_|_entendido_|_aquí_|_listo_|_de_acuerdo_|_bien_sûr_|\
     _d'accord_|_parfait_|_très_bien_|_entendu_|_voici_|_voilà_|_avec_plaisir_|_com_certeza_|\
     _perfeito_|_aqui_está_|_pronto_|_ótimo_|_i_can_definitely_|_i_can_certainly_|\
     _i_can_do_that_|_i_can_draw_that_|_i_can_make_that_|_i'll_draw_|_i'll_make_|_i'll_create_|\
     _i'll_use_|_i'll_paint_|_i'll_go_|_i'll_keep_|_i'll_add_|_i'll_generate_|_i'll_start_|\
     _i'll_put_|_i'll_give_|_i'll_set_|_i'll_show_|_i_will_draw_|_i_will_create_|_i_will_make_|\
     _all_set_|_your_picture_is_|_image_generated_|_you're_welcome_|_cool_|_love_it_|_love_the_|\
     _right_away_|_yep_|_yeah_|_fun_|_noted_|_gotcha_|_super_,_|_alles_klar_|_in_ordnung_|\
     _einverstanden_|_prima_|_ja_,_|_mache_ich_,_|_voy_a_crear_|_voy_a_dibujar_|_voy_a_generar_|\
     _vou_criar_|_vou_desenhar_|_vou_gerar_|_je_vais_créer_|_je_vais_dessiner_|_je_vais_générer_|\
     _oui_,_|_sí_,_|_sim_,_|_genial_|_estupendo_|_beleza_|_prontinho_|_feito_|_hecho_|\
     _c'est_noté_|_volontiers_|_certamente_|_ecco_|_fatto_|_va_bene_|_volentieri_|_ottimo_|\
     _capito_|_certo_|_no_problem_|_let_me_draw_|_let_me_create_|_let_me_make_|_let_me_get_|\
     _good_choice_|_good_idea_|_yes_,_i_can_|_yes_,_i'll_|_enhanced_prompt_|_improved_prompt_|\
     _revised_prompt_|_polished_prompt_|_rewritten_prompt_|_optimized_prompt_|_prompt_,_|\
     _verbesserter_prompt_|_prompt_mejorado_|_prompt_amélioré_|_prompt_melhorado_|\
     _prompt_migliorato_",
    "_конечно_|_хорошо_|_понял|_сейчас_|_готово_|_вот_|_ладно_|_отлично_|_да_,_|_понятно_|\
     _договорились_|_принято_|_выполнено_",
    "_好的|_好_,_|_明白|_当然|_當然|_没问题|_沒問題|_了解|_收到|_我会|_我會|_我将|_我將|_这是|\
     _這是|_已|_かしこまり|_承知|_わかりました|_分かりました|_もちろん|_はい|_嗯|_可以_,_|_行_,_|\
     _没事|_沒事|_搞定|_完成|_马上|_馬上|_好嘞|_了解しま|_なるほど|_では|_それでは|\
     _优化后的提示词|_優化後的提示詞|_提示词_,_|_改进后的提示词|_プロンプト_,_|\
     _改善したプロンプト",
    "_네_|_예_|_알겠습니다|_물론|_좋아|_좋습니다|_좋은|_완성",
];

/// A claim that there is an image.
pub(in super::super) const CLAIM: &[&str] = &[
    "_is_ready_|_are_ready_|_i've_created_|_i_have_created_|_i_created_|_i've_made_|_i_made_|\
     _i've_drawn_|_i_drew_|_i've_generated_|_i've_edited_|_i've_updated_|_image_generated_|\
     _generated_successfully_|_created_successfully_|_successfully_generated_|\
     _successfully_created_|_here_it_is_|_here_you_go_|_saved_to_|_saved_as_|_i_went_with_|\
     _i_left_out_|_i've_left_out_|_hope_you_like_|_hope_you_enjoy_|_attached_is_|_is_finished_|\
     _turned_out_|_ist_fertig_|_hier_ist_dein_|_hier_ist_das_bild_|_hier_ist_ihr_|\
     _habe_das_bild_erstellt_|_habe_das_bild_gezeichnet_|_aquí_tienes_|_he_creado_|_he_generado_|\
     _he_dibujado_|_ya_está_list|_está_list|_j'ai_créé_|_j'ai_généré_|_j'ai_dessiné_|_est_prête_|\
     _est_prêt_|_está_pront|_criei_|_gerei_|_desenhei_|_ficou_pront|_ho_creato_|_ho_generato_|\
     _ho_disegnato_|_è_pronta_|_ecco_la_tua_|_ecco_l'immagine_|_has_been_rendered_|\
     _has_been_created_|_has_been_generated_|_have_been_rendered_|_scroll_up_|_image_above_|\
     _picture_above_|_below_is_|_i've_removed_|_i've_added_|_i've_changed_|_i've_put_|\
     _i_removed_|_i_added_|_i_changed_|_i've_turned_|_i_turned_|_now_has_|_das_bild_zeigt_|\
     _bitte_sehr_|_ta_da_|_image_is_attached_|_created_and_saved_|_is_done_|_are_done_|\
     _c'est_fait_|_listo_|_prontinho_|_ist_gespeichert_|_gespeichert_unter_|_salva_como_|\
     _salvo_em_",
    "_я_нарисовал|_я_создал|_изображение_готово_|_картинка_готова_|_вот_ваш|_вот_картинка_|\
     _готово_|_сохранен|_сохранён|_создано_и_",
    "已为你|已為你|已为您|已為您|已经生成|已經生成|画好了|畫好了|生成好了|做好了|已完成|已生成|\
     这是你要的|這是你要的|这是您要的|這是您要的|完成しました|作成しました|生成しました|\
     描きました|出来上がり|できあがり|仕上がり|画好啦|图片如下|圖片如下|できました|出来ました|\
     できあがりました",
    "생성했습니다|만들었습니다|완성했|완성되|그렸습니다|완료되었|완성됐|만들어_드렸|그려_드렸|\
     생성되었",
];
