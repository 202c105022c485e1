//! Words of refusing.

/// It is not able to. Also what may only be a matter of the moment.
pub(in super::super) const CANNOT: &[&str] = &[
    "_can't_|_cannot_|_can_not_|_cant_|_unable_|_not_able_|_isn't_something_i_|_aren't_able_|\
     _no_puedo_|_no_podemos_|_no_me_es_posible_|_no_es_posible_|_no_creo_imágenes_|\
     _no_genero_|_no_soy_capaz_|_ne_peux_pas_|_ne_pouvons_pas_|_ne_suis_pas_|_ne_génère_pas_|\
     _ne_crée_pas_|_impossible_|_ne_puis_|_não_posso_|_não_consigo_|_não_podemos_|\
     _não_é_possível_|_não_crio_|_não_gero_|_isn't_possible_|_never_create_|_never_generate_|\
     _unmöglich_|_no_la_puedo_|_no_lo_puedo_|_no_te_puedo_|_no_se_puede_|_no_podría_|\
     _no_debería_|_no_hago_|_no_dibujo_|_no_produzco_|_imposible_|_on_ne_peut_|_não_faço_|\
     _não_desenho_|_não_produzo_|_não_se_pode_|_não_poderia_|_impossível_|_não_sou_capaz_|\
     _not_allowed_to_|_not_permitted_to_|_no_way_to_|_not_something_i'm_|\
     _not_something_i_can_|_not_something_i_am_|_n'ai_pas_la_possibilité_|_nicht_möglich_|\
     _not_possible_|_pas_possible_|_was_blocked_|_been_blocked_|_was_rejected_|\
     _been_rejected_|_was_refused_|_blockiert_|_bloquead|_bloqué|_aren't_something_i_|\
     _não_tenho_permissão_|_no_tengo_permi|_n'ai_pas_le_droit_|_not_have_permission_|\
     _don't_have_permission_|_keine_erlaubnis_|_outside_what_i_can_|_beyond_what_i_can_",
    "_не_могу_|_не_можем_|_не_умею_|_не_способ|_невозможно_|_не_рисую_|_не_генерирую_|\
     _нельзя_|_не_изображаю_|заблокирован|_нет_права_",
    "不能|无法|無法|没法|沒法|没办法|沒辦法|不可|不便|出来ません|できない|できかね|\
     いたしかね|致しかね|难以|難以|不宜|不适合|不適合|不生成|不画|不畫|不提供|かねま|かねる|\
     我不会|我不會|不会生成|不會生成|不会为|不會為|不会画|不會畫|しません|きません|りません|\
     ねます|不具备|不具備|被拦截|被攔截|被屏蔽|ブロックされ|れません|えません|けません|\
     せません|不行",
];

/// It is not willing to.
pub(in super::super) const WILL_NOT: &[&str] = &[
    "_won't_|_will_not_|_not_going_to_|_not_willing_|_would_not_be_appropriate_|\
     _wouldn't_be_appropriate_|_darf_ich_nicht_|_werde_ich_nicht_|_möchte_ich_nicht_|\
     _werde_nicht_|_will_ich_nicht_|_no_voy_a_|_no_debo_|_no_vamos_a_|_no_haré_|_no_crearé_|\
     _no_generaré_|_ne_vais_pas_|_ne_dois_pas_|_ne_souhaite_pas_|_ne_créerai_pas_|\
     _ne_produirai_pas_|_ne_veux_pas_|_não_vou_|_não_devo_|_não_farei_|_não_criarei_|\
     _rather_not_|_wouldn't_want_to_|_prefer_not_to_|_lieber_nicht_|_sollte_ich_nicht_|\
     _mache_ich_nicht_|_erstelle_ich_nicht_|_zeichne_ich_nicht_|_no_pienso_|_no_quiero_|\
     _prefiero_no_|_ne_saurais_|_não_quero_|_prefiro_não_|_i_refuse_|_choosing_not_to_|\
     _chosen_not_to_|_choose_not_to_",
    "_не_буду_|_не_стану_|_не_должен_|_не_хочу_|_не_готов",
    "拒绝|拒絕|不应|不應|不愿|不願|いたしません|わけにはいきません",
];

/// "Not" and "may", where a language puts words between them: both in one sentence are [`CANNOT`].
pub(in super::super) const NOT: &[&str] =
    &["_nicht_|_kein_|_keine_|_keinen_|_keinerlei_|_no_|_não_|_ne_|_n'", "_не_"];

pub(in super::super) const MAY: &[&str] = &[
    "_kann_|_können_|_darf_|_dürfen_|_könnte_|_erstelle_ich_|_erzeuge_ich_|_zeichne_ich_|\
     _generiere_ich_|_mache_ich_|_male_ich_|_puedo_|_podemos_|_peux_|_pouvons_|_puis_|\
     _je_génère_|_je_crée_|_je_dessine_|_posso_|_consigo_",
    "_могу_|_можем_|_создаю_|_рисую_",
];

/// "I do not": a refusal only if a verb of making follows at once.
pub(in super::super) const WEAK: &[&str] =
    &["_i_don't_|_i_do_not_|_we_don't_|_we_do_not_|_i_never_|_je_ne_|_nous_ne_", "_я_не_|_мы_не_"];

/// It cannot be, whatever it is.
pub(in super::super) const IMPOSSIBLE: &[&str] = &[
    "_nicht_möglich_|_no_es_posible_|_not_possible_|_isn't_possible_|_pas_possible_|\
     _não_é_possível_|_impossible_|_imposible_|_impossível_",
    "невозможно",
    "不行",
];

/// It declines, whatever follows.
pub(in super::super) const DECLINE: &[&str] = &[
    "_i_must_refuse_|_have_to_refuse_|_i_refuse_|_i'll_pass_|_not_appropriate_for_me_|\
     _against_my_|_against_our_|_not_something_i'm_willing_|_lehne_ich_ab_|_ich_lehne_|\
     _ablehnen_|_abgelehnt_|_davon_absehen_|_me_niego_|_debo_rechazar_|_tengo_que_rechazar_|\
     _abstenerme_|_abstengo_|_m'abstenir_|_m'abstiens_|_décliner_|_préfère_ne_pas_|_recuso_|\
     _devo_negar_|_turn_this_one_down_|_going_to_say_no_|_have_to_say_no_|_have_to_pass_|\
     _going_to_pass_|_declining_|_muss_ich_passen_|_passe_ich_|_muss_ich_verzichten_|\
     _zurückweisen_|_negarme_|_rehus|_tengo_que_negar|_no_lo_permit|_refuser_|\
     _je_passe_mon_tour_|_je_m'y_refuse_|_recusa|_tenho_que_negar_|_abster|_i_must_decline_|\
     _have_to_decline_|_i_decline_|_i'll_decline_|_need_to_decline_|_going_to_decline_|\
     _i'm_not_comfortable_|_i_am_not_comfortable_|_i'm_uncomfortable_|\
     _crosses_a_line_for_me_|_i'd_rather_not_|_i_would_rather_not_|_i_steer_away_|\
     _i'll_steer_clear_|_have_to_turn_this_|_have_to_turn_that_|_must_turn_this_|\
     _we_don't_allow_|_this_isn't_allowed_|_not_something_i'm_able_|\
     _auf_dieses_bild_muss_ich_|_davon_möchte_ich_absehen_|_ist_mir_nicht_erlaubt_|\
     _ist_mir_nicht_gestattet_|_no_me_está_permitid|_prefiero_no_hacer_|_prefiero_no_crear_|\
     _prefiero_no_gener|_prefiro_não_criar_|_prefiro_não_gerar_|_prefiro_não_fazer_|\
     _não_me_é_permitid",
    "_вынужден_отклонить|_недопустим|_воздерж|_не_допускаем_|_отказаться_|_отказываюсь_|\
     _откажусь_|_отклонен|_отклонён|_отклонить_",
    "恕不|恕我|谢绝|謝絕|予以拒绝|婉拒|拒绝生成|拒絕生成|不被允许|不被允許|被拒绝|被拒絕|\
     お断り|辞退|許可されて|お受けでき|お受けいたし|お応えでき|応じられ|応じかね|お引き受け|\
     只能拒绝|只能拒絕|不得不拒|回绝|お断わり|見送ら|不予生成|不予提供|控えさせ|控えており|\
     遠慮させ|遠慮いたし|認められて|認められま|拒否され|拒否いた|ご遠慮いた",
];

/// What the service itself says of content. Also its codes, whose underlines are spaces here.
pub(in super::super) const BLOCKED: &[&str] = &[
    "_safety_system|_moderation_blocked|_content_policy_violation|_content_filter|\
     _safety_filter|_moderation_filter|_moderation_system|_safety_violation|_safety_check|\
     _blocked_by_our_|_blocked_for_safety|_content_moderation|_inhaltsfilter|\
     _sicherheitssystem|_sicherheitsfilter|_sistema_de_seguridad|_filtro_de_contenido|\
     _filtros_de_seguridad|_système_de_sécurité|_filtre_de_contenu|_filtre_de_sécurité|\
     _filtro_de_conteúdo|_sistema_de_segurança|_filtro_de_segurança|_was_flagged_|\
     _been_flagged_|_got_flagged_|_is_flagged_|_our_guardrail|_my_guardrail|\
     _safety_guardrail|_content_guardrail|_the_guardrails_",
    "_фильтр_безопасности|_системой_безопасности|_модераци",
    "内容审核|內容審核|安全系统|安全系統|安全过滤|安全過濾|敏感词|敏感詞|审核未通过|\
     安全システム|コンテンツフィルタ|安全フィルタ",
];

/// A rule is broken.
pub(in super::super) const BREAK: &[&str] = &[
    "_violation|_breach|_against_|_conflict|_infring|_not_comply_|_verstößt_|_verstoßen_|\
     _verstoss|_verletz|_widerspricht_|_nicht_vereinbar_|_gegen_|_incumpl|_va_en_contra_|\
     _contraven|_vulnera|_enfrein|_violer_|_contraire_|_contrevien|_ne_respecte_pas_|_fere_|\
     _desrespeit|_contra_as_|_contra_a_|_violates_|_violate_|_breaks_our_|_breaks_my_|\
     _breaks_the_|_break_our_|_break_my_|_falls_outside_|_fall_outside_|_not_in_line_with_|\
     _contrary_to_|_viola_|_violan_|_violaría_|_violar_|_violaria_|_viole_|_viol_e_|\
     _violerait_|_violent_nos_|_contrario_a_|_contraria_a_|_contrário_|_contrária_|\
     _va_contra_|_vai_contra_|_vão_contra_|_à_l'encontre_",
    "_противореч|_не_соответств|_нарушает_|_нарушают_|_нарушал|_нарушить_",
    "违反|違反|触犯|觸犯|不符合|违背|違背|抵触|牴觸|触れる|反する|反し|沿わない|触れます|\
     触れて",
];

/// A rule on content.
pub(in super::super) const RULE: &[&str] = &[
    "_polic|_guideline|_terms_|_standards_|_content_restriction|_richtlini|_regeln_|\
     _vorgaben_|_nutzungsbedingung|_inhaltsricht|_polít|_normas_|_directric|_reglas_|\
     _condiciones_|_pautas_|_règle|_politique|_directive|_consignes_|\
     _conditions_d'utilisation_|_charte_|_diretriz|_regras_|_termos_|_content_rules_|\
     _our_rules_|_my_rules_|_the_rules_|_safety_rules_|_safety_requirements_",
    "_правил|_политик|_норм|_принцип",
    "政策|规定|規定|规范|規範|准则|準則|规则|規則|条款|條款|原则|原則|ポリシー|ガイドライン|\
     規約|ルール|方針",
];

/// What a policy is about.
pub(in super::super) const SUBJECT: &[&str] = &[
    "_polic|_guideline|_against_the_rules_|_public_figure|_real_person|_real_people|\
     _real_individual|_celebrit|_politician|_likeness|_consent_|_copyright|_trademark|\
     _protected_|_intellectual_property_|_living_artist|_franchise|_minor_|_minors_|_child_|\
     _children_|_underage_|_teen|_sexual|_nude_|_nudity_|_naked_|_explicit_|_porn|_erotic|\
     _intimate_|_suggestive_|_violen|_gore_|_gory_|_graphic_|_weapon|_bomb|_explosive|\
     _terror|_extremis|_hate_|_hateful_|_harass|_racis|_nazi|_suicid|_harm|_drug|_fake_|\
     _forge|_counterfeit_|_deceptive_|_decei|_misleading_|_mislead_|_deepfake|_impersonat|\
     _identity_document|_defam|_degrad|_demean|_abuse|_exploit|_propaganda_|_dangerous_|\
     _inappropriate_|_unsafe_|_personal_data_|_privacy_|_medical_|_gambl|_gewalt|\
     _reale_person|_realen_person|_reale_mensch|_echte_person|_prominent|_politiker|\
     _öffentliche_person|_urheber|_marken|_geschützt|_minderjähr|_kinder_|_kind_|_nackt|\
     _erotisch|_waffe|_hass|_diskriminier|_selbstverletz|_suizid|_irreführ|_gefälscht|\
     _fälsch|_täusch|_blutig|_verherrlich|_illegal|_richtlinie|_rassis|_volksverhetz|_drogen|\
     _violência_|_persona_real_|_personas_reales_|_pessoa_real_|_pessoas_reais_|\
     _figura_pública_|_figuras_públicas_|_personaje_públic|_famos|_celebridad|\
     _marca_registrad|_protegid|_menores_|_menor_|_niñ|_criança|_sexuais_|_desnud|_nudez_|\
     _nu_|_erótic|_armas_|_arma_|_odio_|_ódio_|_discrimin|_autolesi|_falso_|_falsa_|_falsos_|\
     _falsific|_engañ|_engan|_sangrient|_sangue_|_ilegal|_polít|_normas_|_diretriz|_drogas_|\
     _consentim|_explícit|_personne_réelle_|_personnes_réelles_|_vraie_|_personnalité|\
     _célébrité|_homme_politique_|_femme_politique_|_droit_d'auteur_|_marque_déposée_|\
     _protégé|_mineur|_enfant|_sexuel|_nudité_|_nue_|_nus_|_érotique|_arme_|_armes_|_haine|\
     _extrémis|_automutil|_faux_|_fausse_|_trompeu|_sanglant|_illégal|_sans_son_accord_|\
     _sans_leur_|_politique_de_|_explicite|_drogue|_minorit|_targets_a_|_target_a_|_mock|\
     _makes_fun_|_make_fun_|_glorif|_disabled_people_|_unlawful_|_promotes_|_promote_|_incit|\
     _genocid|_swastika|_slur|_rape|_incest|_kill|_murder|_blood|_crime_|_criminal_|_scam|\
     _fraud|_phishing|_passport|_disinformation_|_misinformation_|_election|\
     _private_individual|_named_individual|_actor_|_singer_|_sexy_|_lewd_|_adult_content_|\
     _nsfw_|_fetish_|_dignity_|_insult|_offensive_|_stereotyp|_belongs_to_|_owned_by_|\
     _hasn't_agreed_|_rights_|_disney_|_nintendo_|_marvel_|_pokémon_|_pokemon_|_hakenkreuz|\
     _minderheit|_persönlichkeit|_gefährlich|_menschenverachtend|_verletzend|_beleidig|\
     _folter|_mord|_ausweis|_betrug|_wahl|_strafbar|_rechtswidrig|_jugendlich|_schauspieler|\
     _sänger|_rechte_|_peligros|_ilícit|_minoría|_religi|_asesin|_matar_|_íntim|_actriz_|\
     _cantante_|_derechos_|_pasaporte|_elecci|_ofensiv|_humill|_difam|_burla|_desinform|\
     _perigos|_minoria|_assassin|_ator_|_atriz_|_cantor|_direitos_|_passaporte|_eleiç|\
     _humilh|_zomba|_tortur|_tuer_|_meurtr|_acteur|_actrice_|_chanteu|_droits_|_passeport|\
     _élection|_offensant|_humili|_diffam|_dangereu|_illicite|_moqu|_désinform|\
     _content_restriction|_president_|_prime_minister_|_präsident|_presidente_|_président_|\
     _nonconsensual_|_non_consensual_|_being_shot_",
    "_насили|_жесток|_реальн|_публичн|_знаменит|_политик|_авторск|_товарн|_защищен|_защищён|\
     _несовершеннолет|_детей_|_ребен|_ребён|_сексуальн|_обнажен|_обнажён|_эротич|_порногр|\
     _оружи|_ненавист|_дискримин|_террор|_экстремис|_самоповрежд|_суицид|_поддель|_фальшив|\
     _вводящ|_кровав|_незаконн|_правила_|_наркот|_расис|_согласия_|_интим|_меньшинств|\
     _религи|_пытк|_убий|_актер|_актёр|_актрис|_певиц|_певц|_паспорт|_мошен|_выбор|_оскорб|\
     _унижа|_опасн|_высмеив|_прав_|_персонаж_защищ|_нацис|_свастик|_дезинформ|_президент",
    "真实人物|真實人物|真人|公众人物|公眾人物|政治人物|政治家|名人|明星|肖像|版权|版權|商标|\
     商標|知识产权|知識產權|著作权|著作權|受保护|受保護|未成年|儿童|兒童|色情|性暗示|性内容|\
     裸|露骨|情色|暴力|血腥|武器|仇恨|歧视|歧視|恐怖|极端|極端|自残|自殘|虚假|虛假|伪造|冒充|\
     误导|誤導|违法|違法|非法|违规|違規|毒品|不当内容|不當內容|政策|敏感|侵犯|规范|規範|実在|\
     公人|著作権|知的財産|児童|子供|性的|わいせつ|ヌード|残虐|流血|兵器|憎悪|差別|ヘイト|\
     テロ|過激|自傷|偽|誤解|なりすまし|ポリシー|ガイドライン|規約|不適切|薬物|爆発|侵权|侵權|\
     宗教|少数群体|少數群體|演员|演員|歌手|护照|護照|证件|證件|欺诈|欺詐|诈骗|詐騙|选举|選舉|\
     侮辱|诽谤|誹謗|危险|危險|犯罪|杀|殺|纳粹|納粹|迪士尼|任天堂|知名|隐私|隱私|个人信息|\
     不良|低俗|擦边|俳優|中傷|名誉|個人を|少数派|パスポート|身分証|詐欺|選挙|危険|ナチス|\
     ディズニー|権利|プライバシー|卑猥|アダルト|露出|规定|規定|准则|準則|总统|總統|大統領|\
     首相",
];

/// There is no rule in the way.
pub(in super::super) const NOT_THE_RULES: &[&str] = &[
    "_not_a_policy_|_not_a_content_|_isn't_a_policy_|_isn't_a_content_|\
     _not_related_to_your_prompt_|_not_because_of_your_|_doesn't_violate_|_does_not_violate_|\
     _nothing_wrong_with_your_|_not_about_your_prompt_|_nothing_to_do_with_your_|\
     _not_a_refusal_|_isn't_a_refusal_|_not_due_to_your_|_not_a_safety_|_isn't_a_safety_|\
     _no_policy_issue|_nichts_mit_dem_inhalt_|_keine_ablehnung_|_liegt_nicht_an_|\
     _verstößt_nicht_|_no_infringe_|_no_viola_|_no_es_un_problema_de_contenido_|_não_viola_|\
     _não_é_um_problema_de_conteúdo_|_n'enfreint_pas_|_ne_viole_pas_",
    "_не_нарушает_|_не_связано_с_",
    "不违反|不違反|没有违反|沒有違反|与内容无关|與內容無關|違反していません|内容の問題では",
];

/// Verbs of making an image, and names of what is made by them.
pub(in super::super) const MAKE: &[&str] = &[
    "_creat|_mak|_draw|_produc|_depict|_render|_reproduc|_show_|_portray|_paint|_visuali|\
     _edit_|_call_the_image_tool_|_use_the_image_tool_|_provide_|_erstell|_erzeug|_zeichn|\
     _darstell|_abbild|_anfertig|_gestalt|_malen_|_umsetz|_crear_|_creo_|_gener|_dibuj|\
     _hacer_|_represent|_mostrar_|_ilustr|_realizar_|_elabor|_crée|_génér|_dessin|_produi|\
     _représent|_réalis|_illustr|_montrer_|_faire_|_criar_|_crio_|_ger|_desenh|_fazer_|\
     _retrat|_produz|_entsprech|_pictures_of_|_dargestell|_muestr|_designing_|_to_design_",
    "_созда|_генерир|_сгенерир|_рис|_нарис|_изобра|_сдела|_показ|_воспроизв",
    "生成|绘|繪|创作|創作|制作|製作|创建|創建|生图|生圖|出图|出圖|提供|作成|描く|描け|描き|\
     描画|作る|作れ|制图|呈现|呈現|作り|イラスト化|表現|画这|畫這|画出|畫出|画一|畫一|能画|\
     能畫|法画|法畫|会画|會畫|以画|以畫|不画|不畫|你画|你畫|您画|您畫|做这|做這",
];

/// Verbs of serving a request.
pub(in super::super) const HELP: &[&str] = &[
    "_help_|_assist|_fulfil|_comply_|_process_this_|_process_that_|_process_your_|\
     _complete_this_|_complete_that_|_this_request_|_that_request_|_do_that_|_do_this_|\
     _support_this_|_engage_with_|_helfen_|_behilflich_|_weiterhelfen_|_nachkommen_|\
     _bearbeiten_|_unterstützen_|_erfüllen_|_ausführen_|_ayudar|_asistir|_cumplir_|_atender_|\
     _procesar_|_esa_solicitud_|_esta_solicitud_|_complacer|_aider_|_répondre_à_cette_|\
     _traiter_|_satisfaire_|_accéder_à_|_cette_demande_|_ajudar|_cumprir_|_processar_|\
     _esse_pedido_|_este_pedido_|_prosseguir_|_go_ahead_with_|_move_forward_with_|_take_on_|\
     _entsprech|_wunsch_|_continuar_con_|_proceder_|_donner_suite|_y_répondre_|\
     _dar_seguimento_|_continue_with_|_proceed_with_|_go_on_with_|_something_i_can_do_for_|\
     _accommodate_",
    "_помочь_|_выполнить_|_помогать_|_обработать_|_исполнить_|_помогу_|_содейств",
    "帮助|幫助|协助|協助|帮你|幫你|帮您|幫您|帮忙|幫忙|满足|滿足|完成|处理|處理|这个请求|\
     這個請求|此请求|此請求|该请求|該請求|お手伝い|お応え|対応|お答え|協力|ご要望|ご依頼|\
     リクエスト|手助け|实现|實現|按要求|沿い|沿う|添い|承れ|承る|お受け",
];

/// This image, or what it shows.
pub(in super::super) const THIS: &[&str] = &[
    "_that_|_this_|_these_|_such_|_it_|_those_|_dieses_|_diese_|_diesen_|_dies_|_das_|\
     _solche|_so_etwas_|_esa_|_ese_|_esta_|_este_|_eso_|_esto_|_tal_|_essa_|_esse_|_isso_|\
     _isto_|_cette_|_ce_|_cet_|_cela_|_ça_|_telle_",
    "_это_|_эту_|_этот_|_такое_|_такую_|_такие_|_данное_",
    "这张|這張|这个|這個|此图|此圖|该图|該圖|这样的|這樣的|这类|這類|这种|這種|こちらの|この|\
     その|按要求|此类|此類|该内容|該內容|该画面",
];

/// The answer must first have more from the client.
pub(in super::super) const UNTIL: &[&str] = &[
    "_until_|_without_knowing_|_without_more_|_unless_you_tell_|_unless_you_give_|\
     _before_i_can_|_before_i_know_|_need_more_|_a_bit_more_|_more_detail|_tell_whether_|\
     _see_the_image_|_see_any_|_find_the_|_open_the_|_attach|_i_need_|_yet_|_bevor_|\
     _ohne_weitere_|_mehr_details_|_mehr_angaben_|_anhang_|_erst_wenn_|_hasta_que_|\
     _sin_saber_|_más_detalles_|_adjunt|_antes_de_|_necesito_|_avant_de_|_tant_que_|\
     _sans_savoir_|_plus_de_détails_|_jointe_|_até_que_|_sem_saber_|_mais_detalhes_|_anexad|\
     _preciso_|_not_sure_|_don't_know_|_do_not_know_|_sais_pas_|_no_sé_|_não_sei_|\
     _weiß_nicht_|_nicht_sicher_|_if_i_|_let_me_know_|_tell_from_|_decide_|_entendi_|\
     _entiendo_|_don't_worry_|_sin_problema_|_seguro_de_|_sûr_de_|_which_one_|_which_of_|\
     _know_which_|_tell_which_|_say_which_|_enough_information_|_enough_detail|_not_clear_|\
     _unclear_|_nicht_verstanden_|_not_understand_|_don't_understand_|_don't_see_|\
     _don't_have_the_",
    "_пока_вы_не_|_без_уточн|_больше_деталей_|_прикреп|_вложен|_не_знаю_|_не_понимаю_|\
     _не_уверен|_не_понял|_не_указан",
    "之前|先告诉|先告訴|更多细节|更多細節|上传|上傳|看不到|附件|添付|詳しく|詳細|見当たり|\
     見つかり|教えて|不确定|不確定|不知道|能不能|可不可以|会不会|會不會|要不要|是不是|\
     分かりません|わかりません|ご安心|放心",
];

/// How an answer begins that takes the task on.
pub(in super::super) const ACCEPT: &[&str] = &[
    "_sure_|_ok_|_okay_|_got_it_|_great_|_of_course_|_certainly_|_absolutely_|_understood_|\
     _alright_|_working_on_|_no_problem_|_i'll_|_i_will_|_i'm_going_to_draw_|\
     _i'm_going_to_create_|_i've_|_here's_|_here_is_|_here_are_|_sounds_|_nice_|_happy_to_|\
     _done_|_finished_|_perfect_|_let's_|_i_can_|_gerne_|_klar_|_natürlich_|_verstanden_|\
     _ich_zeichne_|_ich_erstelle_|_hier_ist_|_fertig_|_super_|_claro_|_por_supuesto_|_vale_|\
     _perfecto_|_entendido_|_voy_a_|_aquí_|_listo_|_de_acuerdo_|_bien_sûr_|_d'accord_|\
     _parfait_|_très_bien_|_entendu_|_je_vais_|_voici_|_voilà_|_avec_plaisir_|_com_certeza_|\
     _perfeito_|_certo_|_vou_|_aqui_está_|_pronto_|_ótimo_",
    "_конечно_|_хорошо_|_понял|_сейчас_|_готово_|_вот_|_ладно_|_отлично_",
    "_好的|_好，|_明白|_当然|_當然|_没问题|_沒問題|_了解|_收到|_我会|_我會|_我将|_我將|_这是|\
     _這是|_已|_かしこまり|_承知|_わかりました|_分かりました|_もちろん|_はい",
];
