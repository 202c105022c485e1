//! Words of limits, of missing tools and of failures, and of time.

/// It was not able to: the service failed, not the model.
pub(in super::super) const COULD_NOT: &[&str] = &[
    "_couldn't_generate_|_couldn't_create_|_couldn't_produce_|_couldn't_finish_|\
     _couldn't_complete_|_couldn't_draw_|_couldn't_make_|_could_not_generate_|\
     _could_not_create_|_could_not_produce_|_could_not_be_generated_|_could_not_be_created_|\
     _couldn't_be_|_wasn't_able_to_|_was_not_able_to_|_was_unable_to_|_were_unable_to_|\
     _weren't_able_to_|_konnte_nicht_|_konnte_das_bild_nicht_|_konnte_kein_bild_|\
     _konnte_leider_|_no_pude_|_no_se_pudo_|_no_he_podido_|_no_fue_posible_|\
     _no_se_ha_podido_|_n'ai_pas_pu_|_n'a_pas_pu_|_pas_été_possible_|_n'ai_pas_réussi_|\
     _não_consegui_|_não_foi_possível_|_não_pôde_",
    "_не_удалось_|_не_смог_|_не_получилось_|_не_вышло_",
    "未能|没能|沒能|没有成功|沒有成功|できませんでした|出来ませんでした",
];

/// Images in general.
pub(in super::super) const IMAGES: &[&str] = &[
    "_images_|_pictures_|_visuals_|_an_image_|_a_picture_|_image_generation_|_drawings_|\
     _or_edit_|_bilder_|_imágenes_|_imagens_|_d'images_|_d'image_",
    "_изображений_|_изображения_|_картинки_|_картинок_|_рисовать_",
    "生成图片|生成圖片|生成图像|生成圖像|画图|畫圖|绘图|繪圖|出图|出圖|生图|生圖|画像を生成|\
     画像を直接|画像の生成|画像を作成|画像生成",
];

/// This image, where the name of images in general stands in it.
pub(in super::super) const THIS_IMAGE: &[&str] = &[
    "_images_of_|_pictures_of_|_image_of_|_picture_of_|_bilder_von_|_imágenes_de_|\
     _imagens_de_|_images_de_|_bilder_generieren_,_die_|_images_that_|_pictures_that_|\
     _images_depict|_images_show|_imágenes_que_|_imagens_que_|_images_qui_|_imágenes_con_|\
     _imagens_com_|_images_avec_|_images_with_",
    "_изображения_реальн",
    "この画像|その画像|ような画像|こちらの画像",
];

/// At the moment, or in this place.
pub(in super::super) const NOW: &[&str] = &[
    "_right_now_|_at_the_moment_|_currently_|_at_this_time_|_for_now_|_here_|\
     _in_this_session_|_in_this_conversation_|_in_this_chat_|_in_this_environment_|\
     _temporarily_|_as_a_text_|_language_model_|_directly_|_try_again_|_later_|_gerade_|\
     _derzeit_|_momentan_|_im_moment_|_aktuell_|_zurzeit_|_hier_|_später_|_vorübergehend_|\
     _ahora_mismo_|_en_este_momento_|_por_ahora_|_actualmente_|_aquí_|_más_tarde_|\
     _en_esta_sesión_|_pour_le_moment_|_pour_l'instant_|_actuellement_|_en_ce_moment_|_ici_|\
     _plus_tard_|_dans_cette_session_|_no_momento_|_agora_|_por_enquanto_|_atualmente_|\
     _aqui_|_mais_tarde_|_nesta_sessão_",
    "_сейчас_|_в_данный_момент_|_пока_|_здесь_|_временно_|_позже_|_в_этом_сеансе_|\
     _в_этой_сессии_",
    "目前|现在|現在|暂时|暫時|当前|當前|稍后|稍後|这里|這裡|今は|現時点|ただいま|只今|一時的|\
     このセッション|ここでは",
];

/// The tool, or the service behind it.
pub(in super::super) const TOOL: &[&str] = &[
    "_tool|_capability_|_werkzeug|_bildgenerierung_|_bilderzeugung_|_bildgenerator_|\
     _herramienta|_servicio_|_generador_|_función_|_outil|_service_|_génération_d'image|\
     _générateur_|_fonction|_ferramenta|_serviço_|_gerador_|_recurso_|_generator_|_drawing_|\
     funktion_|dienst_|werkzeug_|_imágenes_|_dibujo_|_imagens_|_bildes_|_rendering_|\
     _picture_|_image_|_sandbox_",
    "_инструмент|_сервис_|_генераци|_функци|_генератор|_создание_|_картинок_",
    "工具|服务|服務|图片生成|圖片生成|图像生成|圖像生成|功能|接口|ツール|画像生成|サービス|\
     機能|出图|出圖|绘图|繪圖|画图|畫圖|描画|能力",
];

/// It is not there, or does not work.
pub(in super::super) const ABSENT: &[&str] = &[
    "_isn't_available_|_not_available_|_unavailable_|_no_access_|_don't_have_|_do_not_have_|\
     _doesn't_have_|_have_no_|_there_is_no_|_there's_no_|_isn't_enabled_|_not_enabled_|\
     _disabled_|_missing_|_lack_|_isn't_exposed_|_not_exposed_|_not_accessible_|\
     _can't_access_|_cannot_access_|_no_longer_|_offline_|_is_down_|_not_working_|\
     _isn't_working_|_not_responding_|_isn't_present_|_wasn't_provided_|_not_provided_|\
     _turned_off_|_not_supported_|_isn't_supported_|_failed_|_error|_timed_out_|_no_image_|\
     _not_connected_|_out_of_service_|_crashed_|_without_an_|_no_tool_|_only_have_|_never_|\
     _nicht_verfügbar_|_kein_|_keine_|_keinen_|_nicht_zur_verfügung_|_nicht_erreichbar_|\
     _deaktiviert_|_fehlt_|_ausgefallen_|_fehlgeschlagen_|_gestört_|_fehler|\
     _no_está_disponible_|_no_tengo_|_no_hay_|_no_dispongo_|_no_cuento_con_|_desactivad|\
     _deshabilitad|_no_funciona_|_caído_|_no_disponible_|_falló_|_fuera_de_servicio_|\
     _n'est_pas_disponible_|_n'ai_pas_|_pas_accès_|_aucun_|_indisponible_|_désactivé|\
     _ne_dispose_|_ne_fonctionne_pas_|_ne_répond_pas_|_échoué_|_erreur_|_hors_service_|\
     _en_panne_|_não_está_disponível_|_não_tenho_|_não_há_|_indisponível_|_desativad|\
     _não_dispõe|_fora_do_ar_|_não_funciona_|_falhou_|_erro_|_não_disponho_|_sem_acesso_|\
     _crash_|_is_not_present_|_can't_reach_|_cannot_reach_|_couldn't_reach_|_unreachable_|\
     _not_installed_|_not_configured_|_not_part_of_|_isn't_part_of_|_among_my_abilit|\
     _ability_|_not_have_the_|_not_something_i_have_|_turned_on_|_switched_off_|_stuck_|\
     _broken_|_not_loaded_|_not_exist_|_gave_up_|_returned_nothing_|_came_back_empty_|\
     _nothing_came_back_|_no_responde_|_sin_acceso_|_capacidad_|_possibilité_|_capacité_|\
     _não_responde_|_capacidade_|_abgestürzt_|_reagiert_nicht_|_antwortet_nicht_|_fähigkeit_|\
     _nicht_in_der_lage_|_angebunden_|_don't_include_|_doesn't_include_|_do_not_include_|\
     _nicht_enthalten_|_ist_nicht_teil_|_pas_activ|_non_activ|_nicht_aktiv|_no_está_activ|\
     _no_está_habilit|_não_está_ativ|_não_está_habilit",
    "_недоступ|_нет_|_отключен|_отключён|_не_работает_|_отсутству|_ошибк|_не_подключен|\
     _не_доступ|_не_отвечает_|_не_поддержива|_возможност|_не_могу_вызвать_|_способност|\
     _не_включ",
    "没有|沒有|不可用|无法使用|無法使用|不支持|不支援|未启用|未啟用|未开启|缺少|不存在|失败|\
     失敗|错误|錯誤|无法调用|無法呼叫|未提供|已关闭|出错|无法访问|利用でき|使用でき|使えま|\
     使えな|呼び出せ|ありません|持って|備わって|無効|停止|エラー|アクセスでき|存在しま|\
     提供されて|対応して|搭載|能力|接入|具備|具备|不在|无响应|無回應|断开|連線|未配置|\
     いただけません|動作し|応答し|接続でき|機能は|生成されません|用意されて|未激活|未開啟|\
     有効になって",
];

/// Something failed, or the model has no tool at all.
pub(in super::super) const OUTAGE: &[&str] = &[
    "_internal_error_|_error_occurred_|_an_error_|_returned_error_|_went_wrong_|\
     _technical_issue|_technical_problem|_technical_difficult|_technical_error|_timed_out_|\
     _timeout_|_upstream_|_generation_failed_|_tool_failed_|_call_failed_|\
     _failed_to_generate_|_failed_to_create_|_failed_with_|_on_our_side_|_on_my_end_|\
     _server_error_|_text_only_|_text_based_|_only_work_with_text_|_only_text_|\
     _only_produce_text_|_language_model_|_outage_|_backend_|_connection_error_|\
     _unexpected_error_|_having_trouble_|_system_error_|_tool_error_|_an_issue_|_ran_into_|\
     _isn't_responding_|_interner_fehler_|_internen_fehler_|_fehler_aufgetreten_|\
     _schiefgelaufen_|_schief_gegangen_|_technisches_problem_|_technische_|_fehlgeschlagen_|\
     _zeitüberschreitung_|_nur_text_|_textmodell_|_sprachmodell_|_textbasiert|_störung_|\
     _serverfehler_|_fehler_bei_|_ein_fehler_|_error_interno_|_ocurrió_un_error_|\
     _hubo_un_error_|_se_produjo_un_error_|_algo_salió_mal_|_problema_técnico_|_fallo_|\
     _falló_|_tiempo_de_espera_|_modelo_de_texto_|_modelo_de_lenguaje_|_solo_texto_|\
     _ha_fallado_|_error_al_|_error_del_|_erreur_interne_|_erreur_est_survenue_|\
     _erreur_s'est_produite_|_problème_technique_|_a_échoué_|_échec_|_délai_dépassé_|\
     _modèle_de_texte_|_modèle_de_langage_|_uniquement_du_texte_|_uniquement_textuel|\
     _mal_passé_|_une_erreur_|_en_panne_|_erro_interno_|_ocorreu_um_erro_|_houve_um_erro_|\
     _algo_deu_errado_|_falha_|_falhou_|_modelo_de_linguagem_|_apenas_texto_|_somente_texto_|\
     _fora_do_ar_|_erro_ao_|_deu_erro_|_tempo_limite_|_crashed_|_connection_reset_|\
     _never_arrived_|_couldn't_be_rendered_|_not_be_rendered_|_nothing_came_back_|\
     _empty_response_|_no_response_from_|_unavailable_|_500_|_502_|_503_|_bad_gateway_|\
     _isn't_among_my_abilit|_not_among_my_abilit|_respond_with_text_|_reply_with_text_|\
     _reply_in_text_|_respond_in_text_|_answer_in_text_",
    "_внутренняя_ошибка_|_внутренней_ошибк|_произошла_ошибка_|_возникла_ошибка_|\
     _ошибка_сервера_|_что_то_пошло_не_так_|_техническ|_сбой_|_сбоя_|_не_удалась_|\
     _текстовая_модель_|_языковая_модель_|_только_текст|_истекло_время_|_ошибка_при_|\
     _ошибкой_|_завершилась_ошиб",
    "内部错误|內部錯誤|出错|出錯|发生错误|發生錯誤|报错|報錯|调用失败|呼叫失敗|生成失败|\
     生成失敗|服务器错误|伺服器錯誤|超时|超時|逾时|故障|技术问题|技術問題|文本模型|文字模型|\
     语言模型|語言模型|暂时不可用|暫時不可用|出了点问题|出現問題|出现问题|异常|異常|\
     暫時無法使用|暂时无法使用|只能处理文字|只能输出文字|エラーが発生|内部エラー|\
     エラーのため|エラーにより|エラーで|問題が発生|障害|不具合|失敗しま|タイムアウト|\
     テキスト専用|言語モデル|テキストのみ|テキストベース|サーバーエラー|未知错误|未知錯誤|\
     返回了错误|返回了錯誤|系统错误|系統錯誤|崩溃|崩潰|网络错误|網路錯誤|通信エラー|\
     サーバー側|応答がありま|落ちて",
];

/// A limit is reached: enough by itself.
pub(in super::super) const LIMITED: &[&str] = &[
    "_rate_limit|_ratelimit|_toomanyrequests_|_too_many_image|_throttl|_usage_limit_reached_|\
     _quota_exceeded_|_out_of_credits_|_429_|_too_quickly_|_too_fast_|_too_frequent|\
     _slow_down_|_over_quota_|_insufficient_quota_|_out_of_quota_|_zu_viele_anfragen_|\
     _zu_viele_bild|_gedrosselt_|_ratenlimit|_ratenbegrenz|_anfragelimit|\
     _zu_schnell_hintereinander_|_demasiadas_solicitudes_|_demasiadas_peticiones_|\
     _límite_de_frecuencia_|_límite_de_velocidad_|_límite_de_tasa_|_trop_de_requêtes_|\
     _trop_de_demandes_|_limite_de_débit_|_limitée_en_débit_|_trop_d'images_|\
     _limite_de_fréquence_|_muitas_solicitações_|_muitas_requisições_|_muitos_pedidos_|\
     _limite_de_taxa_|_limite_de_requisições_|_requests_faster_|_requests_too_|\
     _too_many_generation|_many_requests_|_back_off_|_máximo_de_solicitudes_|\
     _número_máximo_de_solic|_número_máximo_de_pedidos_|_temporarily_limited_",
    "_слишком_много_запросов_|_слишком_часто_|_ограничение_скорости_|_ограничение_частоты_|\
     _лимит_частоты_|_лимит_запросов_|_превышении_частоты_|_превышена_частота_|\
     _частоты_запросов_",
    "限流|过于频繁|過於頻繁|请求过多|請求過多|请求太多|太频繁|太頻繁|速率限制|频率限制|\
     頻率限制|流量限制|レート制限|リクエストが多すぎ|アクセスが集中|リクエスト過多|\
     短時間に多く|リクエストが集中|集中している|混み合って|頻繁すぎ|次数过多|次數過多|\
     受到限制|被限制",
];

/// What can be used up.
pub(in super::super) const ALLOWANCE: &[&str] = &[
    "_quota|_credit|_allowance_|_generations_|_cap_|_image_budget_|_limit|_guthaben_|\
     _obergrenze_|_höchstzahl_|_límite|_cuota|_cupo_|_cota|_crédit|_forfait_|_plafond_|\
     kontingent|limit_|limits_|_generaciones_|_gerações_|_générations_|_capacity_|\
     _máximo_de_|_maximal|_maximum_|_tokens_|_images_left_|_imágenes_de_hoy_|_uses_|\
     _images_for_today_|_of_your_images_|generierungen_|_anzahl_",
    "_лимит|_квот|_кредит|_ограничени|_генераций_|_частот|_предел_",
    "限额|限額|额度|額度|配额|配額|上限|次数|次數|限制|点数|積分|积分|余额|餘額|制限|回数|\
     クォータ|利用枠|割り当て|クレジット|點數|张数|枚数|生成枠",
];

/// It is used up.
pub(in super::super) const SPENT: &[&str] = &[
    "_reached_|_hit_|_exceed|_exhaust|_run_out_|_ran_out_|_out_of_|_no_more_|_none_left_|\
     _reset|_maxed_|_spent_|_left_on_this_plan_|_are_left_|_depleted_|_over_the_|_renew|\
     _refill|_over_your_|_remaining_|_erreicht_|_aufgebraucht_|_überschritten_|_erschöpft_|\
     _ausgeschöpft_|_alcanz|_agot|_super|_acab|_consumi|_llegado_|_sin_|_attein|_épuisé|\
     _dépass|_consommé|_utilisé_tout|_plus_de_|_terminé_|_atingi|_esgot|_exced|_ultrapass|\
     _alcançou_|_terminou_|_zerad|_chegou_|_gone_|_used_|_quedan_|_has_usado_|_usou_todas_|\
     _usou_todos_|_restam_|_plus_aucun|_n'avez_plus_|_il_ne_reste_|_verbraucht|_leer_|\
     _zu_ende_|_refreshes_|_next_month_",
    "_исчерпа|_превы|_законч|_достиг|_израсход|_кончил|_осталось_|_использовал|превышен",
    "用完|用尽|用盡|已达|已達|达到|達到|超过|超過|超出|耗尽|耗盡|不足|没有了|重置|恢复|恢復|\
     已满|達し|超え|使い切|到達|なくなり|リセット|消費しました|用光|耗光|刷新|使いきり|\
     残って|残りがありません|満了",
];

/// When to come again.
pub(in super::super) const AGAIN: &[&str] = &[
    "_again_|_retry_|_reset|_wait_|_come_back_|_in_about_|_later_|_after_|_renew|\
     _available_in_|_erneut_|_warten_|_wieder_|_später_|_noch_einmal_|_zurückgesetzt_|\
     _nuevo_|_inténtalo_|_esper|_restablec|_reinici|_volver_|_dentro_de_|_réessay|_patient|\
     _attend|_réinitialis|_dans_|_nouveau_|_novamente_|_aguard|_de_novo_|_renov|_redefin|\
     _tente_",
    "_снова_|_через_|_подожд|_повтор|_обнов|_позже_",
    "重试|重試|再试|再試|后|後|等待|重置|恢复|恢復|再度|もう一度|待って|待ち|リセット|お試し",
];

/// A rate, not a wait.
pub(in super::super) const PER: &[&str] =
    &["_per_|_every_|_each_|_pro_|_alle_|_por_|_cada_|_par_|_toutes_les_", "_в_|_каждые_", "每"];

/// What says that an error message follows.
pub(in super::super) const REPORTS: &[&str] = &[
    "return|reject|fail|respon|report|message|says|said|fehler|meld|erreur|renvoy|erro|devol",
    "ошибк|верну",
    "返回|报错|報錯|错误|錯誤|提示|エラー|返し",
];

/// Words after a comma that begin another thought.
pub(in super::super) const BUT: &[&str] = &[
    "_but_|_however_|_though_|_aber_|_jedoch_|_pero_|_mais_|_mas_|_porém_",
    "_но_",
    "但|不过|不過|可以",
];
