/* store/statements.c: the tables, and every statement there is. Numbers without a sign (ids,
 * cookies) are kept as the signed ones of the same bits. */
#include "store/inside.h"

/* entries.expires: ms, 0: never. schedules.next: ms, NULL: nothing more comes. flight: the time
 * that a call under way is for, 0: there is none. again: how often its call was cut short since one
 * returned; negative unless it waits to come again. missed: it was due while
 * it could not be called. gone: what runs has no such function. */
const char store_schema[] =
    "CREATE TABLE entries(guild INTEGER NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,"
    " expires INTEGER NOT NULL, PRIMARY KEY(guild, key)) WITHOUT ROWID;"
    "CREATE INDEX entries_expire ON entries(expires) WHERE expires > 0;"
    "CREATE TABLE schedules(name TEXT NOT NULL, cookie INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " at INTEGER NOT NULL, period INTEGER NOT NULL, cron TEXT NOT NULL, zone TEXT NOT NULL,"
    " next INTEGER, flight INTEGER NOT NULL, again INTEGER NOT NULL, missed INTEGER NOT NULL,"
    " gone INTEGER NOT NULL, PRIMARY KEY(name, cookie)) WITHOUT ROWID;"
    "CREATE INDEX schedules_next ON schedules(gone, next) WHERE next IS NOT NULL;"
    "CREATE INDEX schedules_flight ON schedules(flight) WHERE flight > 0;";

#define LIVE   " AND (expires = 0 OR expires > ?1) "
#define FIELDS "kind, name, cookie, at, period, cron, zone, next, gone, flight, again, missed"

const char *const store_statements[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_GET] = "SELECT guild, key, data, expires FROM entries WHERE guild = ?2 AND key = ?3" LIVE,
    [SQL_SET] = "INSERT INTO entries(guild, key, data, expires) VALUES(?1, ?2, ?3, ?4)"
                " ON CONFLICT(guild, key) DO UPDATE SET data = ?3, expires = ?4",
    [SQL_SET_DATA] = "UPDATE entries SET data = ?3 WHERE guild = ?1 AND key = ?2",
    [SQL_DELETE] = "DELETE FROM entries WHERE guild = ?2 AND key = ?3" LIVE,
    [SQL_CLEAR] = "DELETE FROM entries WHERE guild = ?2 AND key >= ?3 AND key < ?4" LIVE,
    [SQL_LIST] = "SELECT guild, key, data, expires FROM entries WHERE guild = ?2 AND key >= ?3"
                 " AND key < ?4 AND key > ?5" LIVE "ORDER BY key LIMIT ?6",
    [SQL_LIST_ALL] = "SELECT guild, key, data, expires FROM entries WHERE (guild, key) > (?2, ?5)"
                     " AND key >= ?3 AND key < ?4" LIVE "ORDER BY guild, key LIMIT ?6",
    [SQL_EXPIRE] = "DELETE FROM entries WHERE (guild, key) IN (SELECT guild, key FROM entries"
                   " WHERE expires > 0 AND expires <= ?1 ORDER BY expires LIMIT ?2)",
    [SQL_SCHEDULE_GET] = "SELECT " FIELDS " FROM schedules WHERE name = ?1 AND cookie = ?2",
    [SQL_SCHEDULE_SET] =
        "INSERT INTO schedules(name, cookie, kind, at, period, cron, zone, next, flight, again,"
        " missed, gone) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, ?9, 0)"
        " ON CONFLICT(name, cookie) DO UPDATE SET kind = ?3, at = ?4, period = ?5, cron = ?6,"
        " zone = ?7, next = ?8, missed = ?9, gone = 0,"
        " flight = CASE WHEN again > 0 THEN 0 ELSE flight END, again = -abs(again)",
    [SQL_SCHEDULE_COUNT] = "SELECT count(*) FROM schedules",
    [SQL_SCHEDULE_DELETE] = "DELETE FROM schedules WHERE name = ?1 AND cookie = ?2",
    /* cookies have no sign: what looks negative comes last */
    [SQL_SCHEDULE_LIST] = "SELECT " FIELDS " FROM schedules"
                          " WHERE (name, cookie < 0, cookie) > (?1, ?2, ?3)"
                          " ORDER BY name, cookie < 0, cookie",
    [SQL_CUT_SHORT] = "UPDATE schedules SET again = 1 - again WHERE flight > 0 AND again <= 0",
    [SQL_NAMES] = "SELECT DISTINCT name FROM schedules",
    [SQL_NAME_GONE] = "UPDATE schedules SET gone = 1 WHERE name = ?1 AND gone = 0",
    [SQL_NAME_BACK] = "UPDATE schedules SET gone = 0, missed = missed OR (next IS NOT NULL AND"
                      " next <= ?2) WHERE name = ?1 AND gone = 1",
    [SQL_NAME_COUNT] = "SELECT count(*) FROM schedules WHERE name = ?1",
    [SQL_DUE_AGAIN] = "SELECT " FIELDS " FROM schedules WHERE flight > 0 AND again > 0"
                      " AND gone = 0 ORDER BY flight LIMIT 1",
    [SQL_DUE] = "SELECT " FIELDS " FROM schedules WHERE gone = 0 AND next IS NOT NULL"
                " AND next <= ?1 ORDER BY next LIMIT 1",
    [SQL_DUE_MOVE] = "UPDATE schedules SET next = ?3, flight = ?4, again = -abs(again),"
                     " missed = 0"
                     " WHERE name = ?1 AND cookie = ?2",
    [SQL_DUE_HOPELESS] = "SELECT " FIELDS " FROM schedules WHERE flight > 0 AND again >= ?1"
                         " ORDER BY flight LIMIT 1",
    [SQL_DUE_GIVE_UP] = "UPDATE schedules SET flight = 0, again = -abs(again)"
                        " WHERE name = ?1 AND cookie = ?2",
    [SQL_DUE_DONE] = "UPDATE schedules SET flight = 0, again = 0 WHERE name = ?1 AND cookie = ?2",
    [SQL_DUE_OVER] = "DELETE FROM schedules WHERE name = ?1 AND cookie = ?2 AND next IS NULL"
                     " AND flight = 0",
    [SQL_NEXT] = "SELECT min((SELECT ifnull(min(next), 9223372036854775807) FROM schedules"
                 " WHERE gone = 0 AND next IS NOT NULL), (SELECT CASE WHEN EXISTS(SELECT 1 FROM"
                 " schedules WHERE flight > 0 AND again > 0 AND gone = 0) THEN 0 ELSE"
                 " 9223372036854775807 END))",
};
