//! Words that show the structure of a text.

/// Words that announce an error message.
pub(in super::super) const REPORTS: &[&str] = &[
    "return|reject|fail|fehler|erreur|renvoy|erro|devol|rechaz|refus|declin|turned|block|flagg|\
     error|exception|abgelehnt|ablehn|liefert|zurück|rejet|errore|restitu|respin|rifiut|\
     fehlermeldung|meldete|meldet_,_|responded|response|reported|reports|respondió|respondeu|\
     répondu",
    "ошибк|верну|отклон|ответил",
    "返回|报错|報錯|错误|錯誤|提示|エラー|返し|拒绝|拒絕|拒否",
    "오류|반환|거부",
];

/// Words that announce one if [`SPEAKERS`] say them.
pub(in super::super) const SAYS: &[&str] = &[
    "says|said|saying|message|sagt|dice|dijo|dit|disse|diz|meld|antwort|respond|répond|verkünd",
    "говорит|сообща",
    "显示|顯示|提示|表示",
    "말",
];

/// Speakers of error messages, not of the text of a poster.
pub(in super::super) const SPEAKERS: &[&str] = &[
    "tool|system|service|backend|server|api|filter|moderation|werkzeug|dienst|herramienta|\
     sistema|servicio|outil|système|ferramenta|strument",
    "инструмент|систем|сервис",
    "工具|系统|系統|服务|服務|ツール|システム",
    "도구|시스템",
];

/// Words after a comma that begin another statement.
pub(in super::super) const BUT: &[&str] = &[
    "_but_|_however_|_though_|_aber_|_jedoch_|_pero_|_mais_|_mas_|_porém_|_except_|_only_not_|\
     _allerdings_|_doch_|_sin_embargo_|_cependant_|_toutefois_|_en_revanche_|_contudo_|_todavia_|\
     _ma_|_però_|_tuttavia_|_let_me_know_|_so_let_me_|_feel_free_|_if_you'd_|_if_you_like_|\
     _if_you_want_|_sag_mir_|_sag_bescheid_|_avísame_|_dites_moi_|_dis_moi_|_me_avise_|\
     _fammi_sapere_|_which_means_|_please_|_so_please_|_happy_to_|_i'd_be_|_i_would_be_|\
     _i'm_happy_to_",
    "_но_|_однако_|_зато_|_а_вот_|_дайте_знать_",
    "但|不过|不過|可以|然而|しかし|ただし",
    "하지만|그러나|다만|대신",
];
