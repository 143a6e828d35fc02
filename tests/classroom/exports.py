"""Tables of students as learning platforms export them, by what their own exporters write."""

from __future__ import annotations

import codecs

#: Moodle's grader report as CSV. Fields are quoted where they hold a blank; a mark that is not there is `-`.
MOODLE = (
    '"First name","Last name","ID number",Institution,Department,"Email address",'
    '"Assignment: cnnlab questions (Real)","Assignment: cnnlab questions (Feedback)","Course total (Real)",'
    '"Last downloaded from this course"\n'
    'Anna,Meier,s1001,,,anna.meier@example.org,-,"<p>well, done</p>",12.00,1796400000\n'
    'Ben,"O\'Neil",s1002,,,ben@example.org,3.00,,3.00,1796400000\n'
    'Zoë,"de la Cruz",s1003,,,zoe@example.org,-,,-,1796400000\n'
).encode()

#: Moodle's worksheet for marking one assignment offline.
WORKSHEET = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Online text","Last modified (grade)","Feedback comments"\r\n'
    '"Participant 50117","Anna Meier",anna.meier@example.org,"Submitted for grading - ",,10.00,Yes,'
    '"Friday, 4 December 2026, 5:21 PM",,-,"a line\r\nand another"\r\n'
    '"Participant 50118","Ben O\'Neil",ben@example.org,"No submission - ",,10.00,Yes,-,,-,\r\n'
    '"Participant 50119","Zoë de la Cruz",zoe@example.org,"Submitted for grading - ",7.50,10.00,Yes,-,,-,\r\n'
).encode()

#: Canvas's gradebook: a row for assignments posted by hand, the points, and its test student at the end.
CANVAS = (
    codecs.BOM_UTF8
    + (
        "Student,ID,SIS User ID,SIS Login ID,Section,HW 1 (12345),cnnlab questions (12346),Current Score,Final Score\n"
        ",,,,,Manual Posting,,,\n"
        "    Points Possible,,,,,10.00,35.00,(read only),(read only)\n"
        '"Meier, Anna",4711,s1001,ameier,"CNNs, Monday and CNNs, Lab",9.50,,95.00,88.00\n'
        '"O\'Neil, Ben",4712,s1002,boneil,"CNNs, Monday",N/A,,,\n'
        '"de la Cruz, Zoë",4713,s1003,zcruz,"CNNs, Monday",EX,,,\n'
        '"Student, Test",4799,,0f3c9a,"CNNs, Monday",,,,\n'
    ).encode()
)

#: Blackboard's, which is called .xls: tabs, everything in quotes, UTF-16 with its mark.
BLACKBOARD = codecs.BOM_UTF16_LE + (
    '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Last Access"\t"Availability"\t'
    '"Total [Total Pts: 100 Score] |12345"\t"cnnlab questions [Total Pts: 35 Score] |12346"\r\n'
    '"Meier"\t"Anna"\t"ameier"\t"s1001"\t"2026-12-01 10:00:00"\t"Yes"\t"55.0"\t""\r\n'
    '"O\'Neil"\t"Ben"\t"ben_oneil"\t"s1002"\t""\t"Yes"\t"41.0"\t""\r\n'
    '"de la Cruz"\t"Zoë"\t"zcruz"\t"s1003"\t""\t"Yes"\t""\t"8"\r\n'
    '"lecturer_PreviewUser"\t"lecturer"\t"lecturer_previewuser"\t""\t""\t"Yes"\t""\t""\r\n'
).encode("utf-16-le")

#: A list that somebody keeps in a German spreadsheet.
GERMAN = (
    "Name;Vorname;Matrikelnr.;E-Mail;Übung 1\r\nMeier;Anna;s1001;anna.meier@example.org;8,5\r\n"
    "O'Neil;Ben;s1002;ben@example.org;7,25\r\nde la Cruz;Zoë;s1003;zoe@example.org;\r\n"
).encode("cp1252")

ALL = {
    "moodle": MOODLE,
    "worksheet": WORKSHEET,
    "canvas": CANVAS,
    "blackboard": BLACKBOARD,
    "german": GERMAN,
}
