//! Words about limits, and about when to try again.

/// A limit is reached. Sufficient alone.
pub(in super::super) const LIMITED: &[&str] = &[
    "_rate_limit|_ratelimit|_toomanyrequests_|_too_many_image|_throttl|_usage_limit_reached_|\
     _quota_exceeded_|_out_of_credits_|_429_|_too_quickly_|_too_frequent|_slow_down_|\
     _over_quota_|_insufficient_quota_|_out_of_quota_|_zu_viele_anfragen_|_zu_viele_bild|\
     _gedrosselt_|_ratenlimit|_ratenbegrenz|_anfragelimit|_zu_schnell_hintereinander_|\
     _demasiadas_solicitudes_|_demasiadas_peticiones_|_límite_de_frecuencia_|\
     _límite_de_velocidad_|_límite_de_tasa_|_trop_de_requêtes_|_trop_de_demandes_|\
     _limite_de_débit_|_limitée_en_débit_|_trop_d'images_|_limite_de_fréquence_|\
     _muitas_solicitações_|_muitas_requisições_|_muitos_pedidos_|_limite_de_taxa_|\
     _limite_de_requisições_|_requests_faster_|_requests_too_|_too_many_generation|\
     _many_requests_|_back_off_|_máximo_de_solicitudes_|_número_máximo_de_solic|\
     _número_máximo_de_pedidos_|_temporarily_limited_|_too_many_*_requests_|_too_many_*_at_once_|\
     _too_many_*_generation|_too_many_*_jobs_|_too_many_calls_|_request_limit_|\
     _images_per_minute_|_cooling_off_|_hourly_limit_|_daily_cap_|_daily_maximum_|\
     _generation_limit_|_image_cap_|_image_quota_|_resource_exhausted_|_temporarily_capped_|\
     _has_been_limited_|_is_limited_right_now_|_rate_cap_|_out_of_images_|_out_of_image_|\
     _billing_hard_limit_|_image_allowance_|_request_volume_|_in_quick_succession_|\
     _queue_is_full_|_concurrency_limit|_zu_viele_*_anfragen_|_tageslimit_|_bilderlimit_|\
     _bildlimit_|_nutzungslimit_|_limit_erreicht_|_ausgebremst_|_drossel|\
     _demasiadas_*_solicitudes_|_límite_diario_|_límite_de_uso_|_límite_de_imágenes_|\
     _límite_de_peticiones_|_límite_de_solicitudes_|_muchas_solicitudes_|_muchas_peticiones_|\
     _limitada_temporalmente_|_limitado_temporalmente_|_demasiado_rápido_|_trop_de_*_requêtes_|\
     _limite_quotidienne_|_limite_d'utilisation_|_limite_d'images_|_limite_de_générations_|\
     _quota_dépassé_|_trop_rapidement_|_trop_fréquent|_bridée_|_limite_diário_|_limite_de_uso_|\
     _limite_de_imagens_|_excesso_de_solicitações_|_excesso_de_requisições_|_rápido_demais_|\
     _troppe_richieste_|_limite_di_frequenza_|_limite_di_richieste_|_limite_giornaliero_|\
     _limite_di_utilizzo_|_limite_di_immagini_|_troppo_velocemente_|_limite_di_velocità_|\
     _is_in_cooldown_|_on_cooldown_|_cooldown_period_|_requests_too_fast_|_images_too_fast_|\
     _going_too_fast_|_usage_limit_|_image_limit_|_daily_limit_|_usage_cap_|_over_the_limit_|\
     _zu_viele_bilder_in_|_zu_viele_bilder_hinter|_too_many_images_in_|_too_many_pictures_in_|\
     _troppe_immagini_in_|_demasiadas_imágenes_en_|_muitas_imagens_em_|_limit_hit_|_quota_hit_|\
     _hit_the_limit_|_hit_my_limit_|_hit_a_limit_|_hit_your_limit_|_rate_limiting_|\
     _exceso_de_solicitudes_|_exceso_de_peticiones_|_trop_d'appels_|_trop_de_*_demandes_|\
     _límite_alcanzado_|_limite_atteinte_|_limite_atingido_|_limite_raggiunto_|\
     _demasiadas_llamadas_|_muitas_chamadas_|_zu_viele_aufrufe_|_vas_demasiado_rápido_|\
     _lot_of_image_requests_|_lots_of_image_requests_|_so_many_image_requests_",
    "_слишком_много_запросов_|_слишком_часто_|_ограничение_скорости_|_ограничение_частоты_|\
     _лимит_частоты_|_лимит_запросов_|_превышении_частоты_|_превышена_частота_|\
     _частоты_запросов_|_слишком_много_картинок_|_слишком_много_изображений_|\
     _слишком_много_обращений_|_слишком_быстро_|_дневной_лимит_|_лимит_изображений_|\
     _лимит_генераций_|_лимит_исчерпан|_лимит_достигнут_",
    "限流|过于频繁|過於頻繁|请求过多|請求過多|请求太多|太频繁|太頻繁|速率限制|频率限制|頻率限制|\
     流量限制|レート制限|リクエストが多すぎ|アクセスが集中|リクエスト過多|短時間に多く|\
     リクエストが集中|集中している|混み合って|頻繁すぎ|次数过多|次數過多|受到限制|被限制|\
     请求频繁|操作频繁|操作過於頻繁|频次|頻次|排队已满|触发限制|觸發限制|限速|額度用|超限|\
     回数制限|アクセス過多|利用制限|使用制限|速度制限|早すぎ|枠を使い|频繁_,_|频繁_|頻率過高|\
     频率过高|并发数|並發數|リクエストが多",
    "요청이_너무|너무_많은_요청|요청_한도|속도_제한|너무_자주|사용량_제한|요청이_많아|한도_초과|\
     한도를_초과|한도에_도달",
];

/// Something that can be used up.
pub(in super::super) const ALLOWANCE: &[&str] = &[
    "_quota|_credit|_allowance_|_generations_|_cap_|_image_budget_|_limit|_guthaben_|\
     _obergrenze_|_höchstzahl_|_límite|_cuota|_cupo_|_cota|_crédit|_forfait_|_plafond_|\
     kontingent|limit_|limits_|_generaciones_|_gerações_|_générations_|_capacity_|_máximo_de_|\
     _maximal|_maximum_|_tokens_|_images_left_|_imágenes_de_hoy_|_uses_|_images_for_today_|\
     _of_your_images_|generierungen_|_anzahl_|_maximum_number_|_max_number_|_number_of_images_|\
     _number_of_pictures_|_images_allowed_|_image_generations_|_generation_count_|_free_images_|\
     _plan's_images_|_all_your_images_|_all_of_your_|_balance_|_saldo_|_plafond|\
     _nombre_d'images_|_nombre_maximal_|_solde_|_franquia_|_numero_massimo_|_crediti_|_credito_|\
     _bildanzahl_|_maximum_an_|_bilder_für_heute_|_bilder_pro_tag_|_images_today_|\
     _pictures_today_|_images_this_|_pictures_for_today_|_images_per_day_|_imágenes_por_hoy_|\
     _images_du_jour_|_imagens_de_hoje_|_imagens_por_hoje_|_immagini_di_oggi_|\
     _immagini_per_oggi_|_image_rate_|_my_budget_|_your_budget_|_image_usage_|_tope_de_|\
     _allotment_|_allocation_|_allotted_|_alle_bilder_|_todas_las_imágenes_|_toutes_les_images_|\
     _todas_as_imagens_|_tutte_le_immagini_|_number_of_requests_|_numero_di_richieste_|\
     _nombre_de_requêtes_|_número_de_solicitudes_|_número_de_pedidos_|_anzahl_der_anfragen_",
    "_лимит|_квот|_кредит|_ограничени|_генераций_|_частот|_предел_|_баланс|_картинок_на_сегодня_|\
     _изображений_на_сегодня_|_все_изображения_|_все_картинки_|_количество_запросов_|\
     _число_запросов_",
    "限额|限額|额度|額度|配额|配額|上限|次数|次數|限制|点数|積分|积分|余额|餘額|制限|回数|\
     クォータ|利用枠|割り当て|クレジット|點數|张数|枚数|生成枠|用量|名额|名額|可用次|今日分|残高|\
     ポイント|回まで|本日分|残り枠|请求数|請求數|リクエスト数",
    "한도|할당량|쿼터|크레딧|횟수|사용량|제한|포인트|이용권|장수|요청_수",
];

/// It is used up.
pub(in super::super) const SPENT: &[&str] = &[
    "_reached_|_hit_|_exceed|_exhaust|_run_out_|_ran_out_|_out_of_|_no_more_|_none_left_|_reset|\
     _maxed_|_spent_|_left_on_this_plan_|_are_left_|_depleted_|_over_the_|_renew|_refill|\
     _over_your_|_remaining_|_erreicht_|_aufgebraucht_|_überschritten_|_erschöpft_|\
     _ausgeschöpft_|_alcanz|_agot|_super|_acab|_consumi|_llegado_|_sin_|_attein|_épuisé|_dépass|\
     _consommé|_utilisé_tout|_plus_de_|_terminé_|_atingi|_esgot|_exced|_ultrapass|_alcançou_|\
     _terminou_|_zerad|_chegou_|_gone_|_used_|_quedan_|_has_usado_|_usou_todas_|_usou_todos_|\
     _restam_|_plus_aucun|_n'avez_plus_|_il_ne_reste_|_verbraucht|_leer_|_zu_ende_|_refreshes_|\
     _next_month_|_i_may_draw_today_|_used_all_|_used_up_|_all_used_|_0_left_|_no_remaining_|\
     _replenish|_top_up_|_recharge_|_drained_|_capped_|_burned_through_|_gone_through_|\
     _quota_left_|_insufficient_|_not_enough_|_erschöpf|_verbrauch|_ausgereizt_|_abgelaufen_|\
     _aufgefüllt_|_zurückgesetzt_|_überzogen_|_keine_*_mehr_|_kein_*_mehr_|_ist_leer_|_no_queda_|\
     _llegaste_|_llegó_|_gastad|_gastó_|_restablec|_renueva|_tope_|_insuficiente|_à_sec_|\
     _réinitialis|_renouvel|_plus_aucune_|_ne_reste_plus_|_insuffisant|_utilisé_toutes_|\
     _utilisé_tous_|_acabou_|_acabaram_|_usou_|_gastou_|_renova|_redefin|_insuficient|\
     _não_há_mais_|_não_restam_|_bateu_|_raggiunt|_esaurit|_terminat|_consumat|_ripristin|_azzer|\
     _rinnov|_insufficient|_non_restano_|_non_hai_più_|_è_finit|_sono_finit|\
     _maximum_*_for_today_|_may_*_today_|_allowed_*_today_|_for_today_|_per_oggi_|_por_hoy_|\
     _por_hoje_|_für_heute_|_pour_aujourd'hui_|_no_*_left_|_no_*_remaining_|_refills_|_burned_|\
     _keine_*_übrig_|_sin_*_restantes_|_sem_*_restantes_|_credits_left_|_used_it_all_|\
     _run_through_|_went_through_|_burnt_through_|_blown_through_|_been_hit_",
    "_исчерпа|_превы|_законч|_достиг|_израсход|_кончил|_осталось_|_использовал|превышен|\
     _больше_нет_|_не_осталось_|_обнов|_потрач|_сброс|_недостаточно_|_пополн|_исчерп|_ноль_|\
     _на_сегодня_",
    "用完|用尽|用盡|已达|已達|达到|達到|超过|超過|超出|耗尽|耗盡|不足|没有了|重置|恢复|恢復|已满|\
     達し|超え|使い切|到達|なくなり|リセット|消費しました|用光|耗光|刷新|使いきり|残って|\
     残りがありません|満了|没了|沒了|用掉|已滿|耗完|到顶|到頂|触顶|用罄|归零|歸零|见底|透支|欠费|\
     欠費|切れ|尽き|なくな|無くな|残りゼロ|上限です|回復",
    "도달|초과|소진|다_썼|다_쓰|다_사용|모두_사용|전부_사용|넘었|넘어|초기화|재설정|남아_있지|\
     남지_않|남은|부족|없습니다|갱신",
];

/// When to try again.
pub(in super::super) const AGAIN: &[&str] = &[
    "_again_|_retry_|_reset|_wait_|_come_back_|_in_about_|_later_|_after_|_renew|_available_in_|\
     _erneut_|_warten_|_wieder_|_später_|_noch_einmal_|_zurückgesetzt_|_nuevo_|_inténtalo_|\
     _esper|_restablec|_reinici|_volver_|_dentro_de_|_réessay|_patient|_attend|_réinitialis|\
     _dans_|_nouveau_|_novamente_|_aguard|_de_novo_|_renov|_redefin|_tente_|_until_|_from_now_|\
     _ready_in_|_back_in_|_resend_|_ab_morgen_|_nochmal_|_abwarten_|_wartezeit_|_vuelve_|\
     _prueba_|_reintent|_reessay|_jusqu|_revenez_|_revenir_|_d'ici_|_volte_|_volta_|_daqui_a_|\
     _riprov|_aspett|_ripristin|_azzer|_rinnov|_torna_|_tra_|_fra_|_em_",
    "_снова_|_через_|_подожд|_повтор|_обнов|_позже_|_попробуйте_|_вернитесь_|_ждать_|_подождите_|\
     _сброс",
    "重试|重試|再试|再試|后|後|等待|重置|恢复|恢復|再度|もう一度|待って|待ち|リセット|お試し|\
     以后|以後|解除|稍候|回復|経って|以降|お待ち|空けて|请等|請等",
    "다시|후에|뒤에|기다|초기화|재설정|재시도|갱신|지나",
];

/// A rate and not a wait.
pub(in super::super) const PER: &[&str] =
    &["_per_|_every_|_each_|_pro_|_alle_|_por_|_cada_|_par_|_toutes_les_", "_в_|_каждые_", "每"];
