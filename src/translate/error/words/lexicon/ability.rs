//! Words about inability and unwillingness, and about the request.

/// English words of inability, if it is the model's own: see [`OWNERS`].
pub(in super::super) const OWN_CANNOT: &[&str] =
    &["_can't_|_cannot_|_can_not_|_cant_|_unable_|_not_able_|_aren't_able_|_can't_possibly_|\
     _not_allowed_to_|_not_permitted_to_|_not_in_a_position_to_"];

/// English words of unwillingness, if it is the model's own.
pub(in super::super) const OWN_WILL_NOT: &[&str] =
    &["_won't_|_will_not_|_not_going_to_|_not_willing_|_wouldn't_|_not_prepared_to_|\
     _not_comfortable_|_refuse_to_|_never_going_to_|_don't_feel_comfortable_|\
     _not_feel_comfortable_|_shouldn't_|_rather_not_"];

/// English: the subject that is not able to, or the beginning of a clause without a subject.
pub(in super::super) const OWNERS: &[&str] =
    &["_i_|_i'm_|_i'd_|_i'll_|_we_|_we're_|_am_|_and_|_but_|_so_|_sorry_|_unfortunately_|_afraid_"];

/// It is not able to, also if only for the moment.
pub(in super::super) const CANNOT: &[&str] = &[
    "_isn't_something_i_|_no_puedo_|_no_podemos_|_no_me_es_posible_|_no_es_posible_|\
     _no_creo_imágenes_|_no_genero_|_no_soy_capaz_|_ne_peux_pas_|_ne_pouvons_pas_|_ne_suis_pas_|\
     _ne_génère_pas_|_ne_crée_pas_|_impossible_|_ne_puis_|_não_posso_|_não_consigo_|\
     _não_podemos_|_não_é_possível_|_não_crio_|_não_gero_|_isn't_possible_|_never_create_|\
     _never_generate_|_unmöglich_|_no_la_puedo_|_no_lo_puedo_|_no_te_puedo_|_no_se_puede_|\
     _no_podría_|_no_debería_|_no_hago_|_no_dibujo_|_no_produzco_|_imposible_|_on_ne_peut_|\
     _não_faço_|_não_desenho_|_não_produzo_|_não_se_pode_|_não_poderia_|_impossível_|\
     _não_sou_capaz_|_no_way_to_|_not_something_i'm_|_not_something_i_can_|_not_something_i_am_|\
     _n'ai_pas_la_possibilité_|_nicht_möglich_|_not_possible_|_pas_possible_|_was_blocked_|\
     _been_blocked_|_was_rejected_|_been_rejected_|_was_refused_|_blockiert_|_bloquead|_bloqué|\
     _aren't_something_i_|_não_tenho_permissão_|_no_tengo_permi|_n'ai_pas_le_droit_|\
     _not_have_permission_|_don't_have_permission_|_keine_erlaubnis_|_outside_what_i_can_|\
     _beyond_what_i_can_|_isn't_*_i_can_|_isn't_*_i_will_|_isn't_*_i'll_|_isn't_*_i'm_|\
     _aren't_*_i_can_|_aren't_*_i'll_|_aren't_*_i_will_|_not_*_i_can_|_not_*_i'll_|\
     _not_*_i_will_|_not_*_we_can_|_isn't_*_we_can_|_nothing_i_can_do_|_outside_what_i_|\
     _beyond_what_i_|_don't_allow_me_|_doesn't_allow_me_|_do_not_allow_me_|_does_not_allow_me_|\
     _prevent_me_|_prevents_me_|_keep_me_from_|_keeps_me_from_|_stop_me_from_|_stops_me_from_|\
     _don't_let_me_|_not_let_me_|_don't_permit_me_|_doesn't_permit_me_|_bar_me_|_bars_me_|\
     _vermag_ich_nicht_|_ist_mir_nicht_|_untersagen_|_untersagt_|_verbieten_|_verboten_|\
     _außerstande_|_no_podré_|_no_me_permite|_me_impid|_no_estoy_en_condiciones_|\
     _no_está_permitid|_no_están_permitid|_me_es_imposible_|_me_resulta_imposible_|_ne_pourrai_|\
     _ne_pourrons_|_ne_me_permet|_m'empêche|_m'interdi|_interdisent_|_ne_sont_pas_autoris|\
     _n'est_pas_autoris|_pas_en_mesure_|_je_ne_produis_|_je_ne_dessine_|_je_ne_fais_|\
     _não_poderei_|_não_me_permit|_me_impede|_não_é_permitid|_não_são_permitid|\
     _não_estou_em_condições_|_fica_impossível_|_non_posso_|_non_possiamo_|_non_potrò_|\
     _non_sono_in_grado_|_non_è_possibile_|_non_riesco_|_impossibile_|_non_mi_è_possibile_|\
     _non_creo_|_non_genero_|_non_disegno_|_non_realizzo_|_non_faccio_|_non_mi_permett|\
     _mi_impedi|_non_è_consentit|_non_sono_consentit|_no_way_i_|_nor_can_i_|_nor_will_i_|\
     _neither_can_i_|_can_i_not_|_darf_nicht_|_dürfen_nicht_|_je_ne_fais_pas_|_je_ne_le_fais_|\
     _je_ne_la_fais_|_no_lo_hago_|_no_la_hago_|_no_las_hago_|_no_los_hago_|_non_lo_faccio_|\
     _não_o_faço_|_don't_think_i_should_|_don't_think_i_can_|_don't_believe_i_should_",
    "_не_могу_|_не_можем_|_не_умею_|_не_способ|_невозможно_|_не_рисую_|_не_генерирую_|_нельзя_|\
     _не_изображаю_|заблокирован|_нет_права_|_не_смогу_|_не_сможем_|_не_получится_|_не_позволя|\
     _запреща|_запрещен|_запрещён|_не_разреш|_не_в_силах_|_не_создаём_|_не_создаем_|_не_создаю_",
    "不能|无法|無法|没法|沒法|没办法|沒辦法|不可|不便|出来ません|できない|できかね|いたしかね|\
     致しかね|难以|難以|不宜|不适合|不適合|不生成|不画|不畫|不提供|かねま|かねる|我不会|我不會|\
     不会生成|不會生成|不会为|不會為|不会画|不會畫|しません|きません|りません|ねます|不具备|\
     不具備|被拦截|被攔截|被屏蔽|ブロックされ|れません|えません|けません|せません|不行|帮不了|\
     帮不上|幫不了|幫不上|做不了|做不到|画不了|畫不了|画不出|畫不出|无能为力|無能為力|爱莫能助|\
     愛莫能助|不方便|不允许|不允許|禁止|不会提供|不會提供|不会帮|不會帮|不會幫|不会制作|不會製作|\
     不予|不做|无权|無權|不许|不許|難しい|できません|不可能|てはいけ|禁じ|控え",
    "수_없|못_합니다|못합니다|못해|못_해|불가|어렵습니다|어려워|어려울|곤란|금지",
];

/// It is not willing to.
pub(in super::super) const WILL_NOT: &[&str] = &[
    "_would_not_be_appropriate_|_wouldn't_be_appropriate_|_darf_ich_nicht_|_werde_ich_nicht_|\
     _möchte_ich_nicht_|_werde_nicht_|_will_ich_nicht_|_no_voy_a_|_no_debo_|_no_vamos_a_|\
     _no_haré_|_no_crearé_|_no_generaré_|_ne_vais_pas_|_ne_dois_pas_|_ne_souhaite_pas_|\
     _ne_créerai_pas_|_ne_produirai_pas_|_ne_veux_pas_|_não_vou_|_não_devo_|_não_farei_|\
     _não_criarei_|_rather_not_|_wouldn't_want_to_|_prefer_not_to_|_lieber_nicht_|\
     _sollte_ich_nicht_|_mache_ich_nicht_|_erstelle_ich_nicht_|_zeichne_ich_nicht_|_no_pienso_|\
     _no_quiero_|_prefiero_no_|_ne_saurais_|_não_quero_|_prefiro_não_|_choosing_not_to_|\
     _chosen_not_to_|_choose_not_to_|_don't_want_to_draw_|_don't_want_to_create_|\
     _i'd_rather_not_|_i_would_rather_not_|_mache_ich_so_nicht_|_male_ich_nicht_|\
     _erzeuge_ich_nicht_|_zeichne_ich_so_nicht_|_werde_ich_so_nicht_|_ich_werde_*_nicht_|\
     _ich_werde_kein|_ich_möchte_*_nicht_|_ich_weigere_|_weigere_ich_|_setze_ich_nicht_um_|\
     _bilde_ich_nicht_|_stelle_ich_nicht_|_no_dibujaré_|_no_lo_haré_|_me_niego_|_no_realizaré_|\
     _no_quisiera_|_je_refuse_|_nous_refusons_|_ne_ferai_pas_|_ne_générerai_pas_|\
     _ne_dessinerai_pas_|_ne_compte_pas_|_préfère_ne_pas_|_préférerais_ne_pas_|_não_vamos_|\
     _não_gerarei_|_não_desenharei_|_recuso_me_|_me_recuso_|_não_pretendo_|_non_intendo_|\
     _non_voglio_|_preferisco_non_|_non_farò_|_non_creerò_|_non_genererò_|_non_disegnerò_|\
     _mi_rifiuto_|_non_ho_intenzione_|_helfe_ich_nicht_|_gestalte_ich_nicht_|\
     _unterstütze_ich_nicht_|_liefere_ich_nicht_|_entwerfe_ich_nicht_|_bearbeite_ich_nicht_|\
     _produziere_ich_nicht_|_generiere_ich_nicht_|_entferne_ich_nicht_|_mach_ich_nicht_|\
     _mache_ich_auch_nicht_|_mache_ich_hier_nicht_|_ne_le_ferai_pas_|_ne_la_ferai_pas_|\
     _não_o_farei_|_non_lo_farò_",
    "_не_буду_|_не_стану_|_не_должен_|_не_хочу_|_не_готов|_не_собираюсь_|_не_намерен|\
     _не_нарисую_|_не_сделаю_|_не_создам_|_отказываюсь_|_не_планирую_|_не_делаю_|\
     _делать_не_буду_|_делать_не_стану_",
    "拒绝|拒絕|不应|不應|不愿|不願|いたしません|わけにはいきません|不打算|不肯|不想|拒否し|\
     たくありません|つもりはありません|ないことにし|ないでおき|やめておき|見送り|遠慮し|不画了|\
     不做了",
    "않겠|거부|거절|그리지_않|만들지_않|생성하지_않|제작하지_않|않기로",
];

/// "Not" and "may", for languages that put words between them. Both in one sentence mean
/// [`CANNOT`].
pub(in super::super) const NOT: &[&str] =
    &["_nicht_|_kein_|_keine_|_keinen_|_keinerlei_|_no_|_não_|_ne_|_n'|_non_", "_не_"];

pub(in super::super) const MAY: &[&str] = &[
    "_kann_|_können_|_darf_|_dürfen_|_könnte_|_erstelle_ich_|_erzeuge_ich_|_zeichne_ich_|\
     _generiere_ich_|_mache_ich_|_male_ich_|_puedo_|_podemos_|_peux_|_pouvons_|_puis_|\
     _je_génère_|_je_crée_|_je_dessine_|_consigo_|_werde_ich_|_möchte_ich_|_vermag_|_bilde_ich_|\
     _riesco_|_posso_",
    "_могу_|_можем_|_создаю_|_рисую_",
];

/// "I do not": a refusal only if a verb of making follows directly.
pub(in super::super) const WEAK: &[&str] = &[
    "_i_don't_|_i_do_not_|_we_don't_|_we_do_not_|_i_never_|_je_ne_|_nous_ne_|_we_never_|\
     _i_don't_ever_|_je_ne_la_|_je_ne_le_|_je_ne_les_|_je_ne_vous_|_no_la_|_no_lo_|_no_las_|\
     _no_los_|_non_la_|_non_lo_|_não_o_|_não_a_|_i_simply_don't_|_i_just_don't_",
    "_я_не_|_мы_не_",
];

/// It cannot be done.
pub(in super::super) const IMPOSSIBLE: &[&str] = &[
    "_nicht_möglich_|_no_es_posible_|_not_possible_|_isn't_possible_|_pas_possible_|\
     _não_é_possível_|_impossible_|_imposible_|_impossível_|_non_è_possibile_|_impossibile_|\
     _off_the_table_|_out_of_the_question_|_kommt_nicht_in_frage_|_kommt_nicht_infrage_|\
     _ausgeschlossen_|_isn't_an_option_|_not_an_option_|_hors_de_question_|_fuera_de_cuestión_|\
     _fora_de_questão_|_geht_nicht_|_geht_leider_nicht_|_geht_so_nicht_|_geht_hier_nicht_|\
     _fora_de_cogitação_|_ni_hablar_|_fuori_discussione_|_non_se_ne_parla_",
    "невозможно|_исключено_|_не_может_быть_и_речи_",
    "不行|不可能|免谈|免談",
    "불가능",
];

/// Verbs of making an image, and nouns for it.
pub(in super::super) const MAKE: &[&str] = &[
    "_creat|_mak|_draw|_produc|_depict|_render|_reproduc|_portray|_paint|_visuali|_edit_|\
     _call_the_image_tool_|_use_the_image_tool_|_provide_|_erstell|_erzeug|_zeichn|_darstell|\
     _abbild|_anfertig|_gestalt|_malen_|_umsetz|_crear_|_creo_|_gener|_dibuj|_hacer_|_represent|\
     _mostrar_|_ilustr|_realizar_|_elabor|_crée|_génér|_dessin|_produi|_représent|_réalis|\
     _illustr|_montrer_|_faire_|_criar_|_crio_|_ger|_desenh|_fazer_|_retrat|_produz|_entsprech|\
     _pictures_of_|_dargestell|_muestr|_designing_|_to_design_|_recreat|_replicat|_copy_|\
     _copies_|_imitat|_mimic|_alter_|_alters_|_altering_|_modif|_manipulat|_transform|\
     _turn_this_|_turn_that_|_turn_him_|_turn_her_|_turn_them_|_turn_a_|_undress|_design_|\
     _illustrat|_sketch|_compos|_craft|_turn_out_|_retouch|_sexuali|_animat|_picture_anyone|\
     _deliver_|_offer_|_return_an_|_return_a_|_glorif|_promot|_imagine_|_picture_it_|\
     _picture_that_|_nachbild|_nachzeichn|_nachahm|_kopier|_bearbeit|_veränder|_entfern|\
     _ausziehen_|_zeig|_liefern_|_entwerf|_wiedergeb|_generier|_einfüg|_hinzufüg|_ersetz|\
     _reproduzier|_visualisier|_illustrier|_produzier|_abzubilden_|_darzustellen_|_umzusetzen_|\
     _anzufertigen_|_nachstell|_editar_|_modific|_recre|_copiar|_imitar|_quitar|_eliminar|\
     _poner_|_añadir|_agregar|_plasmar|_diseñ|_mostrar|_retocar|_hacer|_ilustrar|_incluir|\
     _alterar|_transformar|_convertir|_alter|_créer|_reproduir|_recré|_copier|_imiter|_modifi|\
     _retir|_ajout|_mettre_en_|_figurer_|_fabriquer_|_concevoir_|_peindre_|_dépeindre_|_fournir_|\
     _remplac|_mettre_|_éditer_|_l'illustrer_|_la_dessiner_|_recri|_reproduz|_remov|_adicion|\
     _inclu|_mostr|_substitu|_fornecer_|_fazê|_criá|_gerá|_genera|_disegn|_produrre_|_raffigur|\
     _ritra|_rappresent|_realizz|_riprodu|_fare_|_farlo_|_farla_|_dipinger|_ricre|_rimuover|\
     _aggiung|_creare_|_crearla_|_crearlo_|_faço_|_hago_|_faccio_|_fais_|_nachgebaut_|_nachbau|\
     _i_do_not_do_|_do_likeness|_do_portrait|_do_nud|_do_real_|_do_celebr|_do_politic|_do_gore|\
     _do_fake|_do_image|_do_picture|_do_deepfake|_do_that_|_do_this_|_do_those_|_do_these_|\
     _do_content_|_do_edits_|_do_anything_|_do_requests_|_do_explicit_|_do_sexual|_do_violen|\
     _do_hate",
    "_созда|_генерир|_сгенерир|_рис|_нарис|_изобра|_сдела|_показ|_воспроизв|_отредакт|_редакт|\
     _измен|_убра|_удал|_добав|_скопир|_копир|_имитир|_повтор|_иллюстр|_визуализ|_оформ|_отобра|\
     _переда|_предостав|_замен|_подел|_выполн|_делаю_|_делать_",
    "生成|绘|繪|创作|創作|制作|製作|创建|創建|生图|生圖|出图|出圖|提供|作成|描く|描け|描き|描画|\
     作る|作れ|制图|呈现|呈現|作り|イラスト化|表現|画这|畫這|画出|畫出|画一|畫一|能画|能畫|法画|\
     法畫|会画|會畫|以画|以畫|不画|不畫|你画|你畫|您画|您畫|做这|做這|复刻|複刻|复制|複製|模仿|\
     仿制|仿製|还原|還原|照搬|照抄|设计|設計|修改|修图|修圖|改成|替换|替換|换脸|換臉|合成|去除|\
     移除|展现|展現|展示|描绘|描繪|描写|描寫|表现|渲染|编辑|編輯|做出|做图|做圖|制成|做成|画|畫|\
     绘制|繪製|输出|輸出|再現|模写|加工|編集|改変|作画|描かな|描こ|作ら|お作り|お描き|ご提供|\
     お見せ|做这个|対応して|対応しており",
    "만들|생성|그릴|그려|그리|제작|묘사|표현|편집|수정|합성|재현|복제|제공|작성|변형|보여_",
];

/// English verbs about a part of an image. A plan may leave a part out, so only inability is a
/// refusal.
pub(in super::super) const INCLUDE: &[&str] =
    &["_show_|_add_|_put_|_place_|_insert_|_includ|_featur|_present_|_writ|_remove_|_replace_|\
     _swap_|_use_"];

/// Verbs of fulfilling a request.
pub(in super::super) const HELP: &[&str] = &[
    "_help_|_assist|_fulfil|_comply_|_process_this_|_process_that_|_process_your_|\
     _complete_this_|_complete_that_|_this_request_|_that_request_|_do_that_|_do_this_|\
     _support_this_|_engage_with_|_helfen_|_behilflich_|_weiterhelfen_|_nachkommen_|_bearbeiten_|\
     _unterstützen_|_erfüllen_|_ausführen_|_ayudar|_asistir|_cumplir_|_atender_|_procesar_|\
     _esa_solicitud_|_esta_solicitud_|_complacer|_aider_|_répondre_à_cette_|_traiter_|\
     _satisfaire_|_accéder_à_|_cette_demande_|_ajudar|_cumprir_|_processar_|_esse_pedido_|\
     _este_pedido_|_prosseguir_|_go_ahead_with_|_move_forward_with_|_take_on_|_entsprech|\
     _wunsch_|_continuar_con_|_proceder_|_donner_suite|_y_répondre_|_dar_seguimento_|\
     _continue_with_|_proceed_with_|_go_on_with_|_something_i_can_do_for_|_accommodate_|_fulfill|\
     _go_through_with_|_be_part_of_|_take_part_|_contribut|_work_on_this_|_work_on_that_|\
     _work_with_this_|_work_with_that_|_satisfy_|_handle_this_|_handle_that_|_support_that_|\
     _facilitat|_participat|_act_on_|_grant_|_carry_out_|_carry_this_|_carry_that_|_do_this_one_|\
     _do_that_one_|_do_it_|_take_this_on_|_take_that_on_|_this_prompt_|_that_prompt_|_this_one_|\
     _that_one_|_this_idea_|_that_idea_|_your_request_|_endorse_|_follow_through_|_meet_this_|\
     _honor_|_honour_|_oblige_|_be_of_help_|_go_there_|_this_edit_|_that_edit_|_mithelfen_|\
     _mitwirken_|_beitragen_|_anfrage_|_weiterverfolgen_|_unterstütz|_dienen_|_bitte_nachkommen_|\
     _umsetzen_|_auftrag_|_mitmachen_|_erledigen_|_atender|_ayud|_colabor|_apoyar_|\
     _tu_solicitud_|_su_solicitud_|_esta_petición_|_esa_petición_|_tu_petición_|_ese_pedido_|\
     _seguir_adelante_|_realizar_esta_|_avanzar_|_llevar_a_cabo_|_contribuir_|_participar_|_aid|\
     _donner_suite_|_accéder_|_votre_demande_|_ta_demande_|_cette_requête_|_votre_requête_|\
     _y_contribuer_|_participer_|_exécuter_|_poursuivre_|_le_faire_|_honorer_|_assister_|\
     _t'aider_|_vous_aider_|_ajud|_atend|_seguir_com_|_essa_solicitação_|_esta_solicitação_|\
     _seu_pedido_|_sua_solicitação_|_dar_continuidade_|_avançar_|_realizar_|_auxiliar_|_aiut|\
     _assister|_soddisfar|_questa_richiesta_|_tua_richiesta_|_esaudir|_procedere_|_accontentar|\
     _dar_seguito_|_proseguire_|_collabor|_accogliere_|_elaborare_|_helfe_ich_|_mache_ich_|\
     _mach_ich_|_unterstütze_ich_|_not_do_that_|_not_do_this_",
    "_помочь_|_выполнить_|_помогать_|_обработать_|_исполнить_|_помогу_|_содейств|_помоч|_помог|\
     _запрос_|_запроса_|_запросу_|_запросом_|_просьб|_этим_помочь_|_поддерж|_участв|_выполня|\
     _исполня",
    "帮助|幫助|协助|協助|帮你|幫你|帮您|幫您|帮忙|幫忙|满足|滿足|完成|处理|處理|这个请求|\
     這個請求|此请求|此請求|该请求|該請求|お手伝い|お応え|お答え|協力|ご要望|ご依頼|リクエスト|\
     手助け|实现|實現|按要求|沿い|沿う|添い|承れ|承る|お受け|帮|幫|帮到|效劳|效勞|支持|照办|照辦|\
     执行|執行|受理|继续|繼續|这个要求|這個要求|该要求|配合|助け|応え|お力に|承り|承諾|引き受け|\
     受け付け|手伝|サポート|応じ|従|進め|做不了|画不了|畫不了|画不出|畫不出|做不到|帮不了|幫不了|\
     対応でき|対応いた|対応は|対応が|対応を|対応する|対応しかね|ご対応|対応出来|対応致",
    "도와|도움|도울|요청|처리|진행|지원|응할|따를|수행|협조",
];

/// This image, or its content.
pub(in super::super) const THIS: &[&str] = &[
    "_that_|_this_|_these_|_such_|_it_|_those_|_dieses_|_diese_|_diesen_|_dies_|_solche|\
     _so_etwas_|_esa_|_ese_|_eso_|_esto_|_essa_|_esse_|_isso_|_isto_|_cette_|_cet_|_cela_|_ça_|\
     _telle_|_either_|_the_request_|_your_request_|_the_image_you_|_the_scene_|_the_edit_|\
     _dieser_|_diesem_|_derartig|_sowas_|_solch|_daran_|_dabei_|_damit_|_lo_que_pides_|_esas_|\
     _esos_|_estas_|_estos_|_aquello_|_semejante_|_ces_|_ceci_|_cette_image_|_l'image_demandée_|\
     _tel_|_votre_demande_|_ta_demande_|_essas_|_esses_|_nisso_|_disso_|_dessa_|_desse_|_desta_|\
     _deste_|_questa_|_questo_|_quest'|_quella_|_quello_|_ciò_|_così_|_un'immagine_del_genere_|\
     _del_genere_|_this_one_|_that_one_|_one_like_that_|_das_|_ce_|_esta_|_este_|_tal_|\
     _die_anfrage_|_dieser_bitte_|_dein_bild_so_",
    "_это_|_эту_|_этот_|_такое_|_такую_|_такие_|_данное_|_этого_|_этом_|_этим_|_этой_|_такого_|\
     _таких_|_подобн|_данную_|_данный_|_этих_|_эти_",
    "这张|這張|这个|這個|此图|此圖|该图|該圖|这样的|這樣的|这类|這類|这种|這種|こちらの|この|\
     その|按要求|此类|此類|该内容|該內容|该画面|这幅|這幅|这一|這一|这样|這樣|这事|這事|这方面|\
     這方面|这些|這些|此|该|該|那张|那個|那个|上述|你要的|您要的|照做|そのよう|このよう|\
     そういった|こういった|こうした|そうした|ご依頼|ご要望|ご希望|そちら|これ|それ",
    "_이_|_그_|해당|이런|그런|이러한|그러한|이것|그것|요청하신|저런",
];

/// The client's request.
pub(in super::super) const REQUEST: &[&str] = &[
    "_request_|_prompt_|_edit_|_query_|_submission_|_input_|_description_|_instruction|\
     _image_request_|_anfrage_|_bitte_|_aufforderung_|_eingabe_|_solicitud_|_petición_|_demande_|\
     _requête_|_pedido_|_solicitação_|_richiesta_",
    "_запрос_",
    "请求|請求|提示词|提示詞|リクエスト|プロンプト|ご依頼",
    "요청|프롬프트",
];
