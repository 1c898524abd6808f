/* ผู้ใช้น้ำรายใหญ่: FETCH FIRST ... ; 'quoted' */
WITH biggest AS (
  SELECT /*+ INDEX(trn IX_DEBT_YM) */
         trn.CUST_ID, trn.CUST_CODE, trn.CUST_TYPE_ID, trn.CUST_NAME, trn.CUST_ADDRESS,
         trn.ORG_OWNER_ID, trn.DEBT_YM, trn.PRESENT_METER_COUNT, trn.PRESENT_WATER_USG
  FROM PWACIS.TB_TR_DEBT_TRN trn
  WHERE trn.ORG_OWNER_ID = :org_owner_id
    AND trn.DEBT_YM = :debt_ym
    AND trn.CANCELFLAG IS NULL AND trn.IS_DELETED = 'F'
    /*__CUSTCODE_FILTER__*/
  ORDER BY trn.PRESENT_WATER_USG DESC NULLS LAST
  FETCH FIRST 200 ROWS ONLY
)
SELECT
  biggest.ORG_OWNER_ID        AS "BA",
  org.ORG_NAME            AS "แม่ข่าย/หน่วยบริการ",
  biggest.CUST_CODE           AS "เลขที่ผู้ใช้น้ำ",
  ut.USETYPE              AS "ประเภท",
  ut.USENAME              AS "รายละเอียด",
  biggest.CUST_NAME           AS "ชื่อผู้ใช้น้ำ",
  biggest.CUST_ADDRESS        AS "ที่อยู่",
  mr.METER_ROUTE_CODE     AS "เส้นทาง",
  tmp.METER_NO            AS "หมายเลขมาตร",
  ms.SIZENAME             AS "ขนาดมาตร",
  mb.BRANDNAME            AS "ยี่ห้อ",
  mst.STATENAME           AS "สถานะมาตร",
  cm.AVERAGE              AS "หน่วยน้ำเฉลี่ย",
  biggest.PRESENT_METER_COUNT AS "เลขมาตรที่อ่านได้",
  biggest.PRESENT_WATER_USG   AS "หน่วยน้ำปัจจุบัน",
  biggest.DEBT_YM             AS "เดือนหนี้"
FROM biggest
JOIN PWACIS.TB_TR_DEBT_TEMP tmp ON tmp.CUST_ID = biggest.CUST_ID AND tmp.DEBT_YM = biggest.DEBT_YM AND tmp.IS_DELETE = 'F'
LEFT JOIN PWACIS.TB_TR_CUSTOMER_INF cf ON cf.ID = biggest.CUST_ID
LEFT JOIN PWACIS.TB_TR_CUST_METER cm ON cm.CUST_ID = cf.ID AND cm.IS_DELETED = 'F'
LEFT JOIN PWACIS.TB_MS_METER_ROUTE mr ON mr.ID = tmp.METER_ROUTE_ID
LEFT JOIN PWACIS.TB_MS_METER_LINE ml ON ml.ID = mr.METER_LINE_ID
LEFT JOIN PWACIS.TB_LT_ORGANIZATION org ON org.ID = ml.ORG_CC_ID
LEFT JOIN PWACIS.TB_LT_METERSIZE ms ON ms.ID = tmp.METER_SIZE_ID
LEFT JOIN PWACIS.TB_LT_METERBRAND mb ON mb.ID = cm.MTR_BRAND_ID
LEFT JOIN PWACIS.TB_LT_METERSTATE mst ON mst.ID = cm.MRT_STATE_ID
LEFT JOIN PWACIS.TB_LT_USETYPE ut ON ut.ID = biggest.CUST_TYPE_ID
ORDER BY biggest.PRESENT_WATER_USG DESC NULLS LAST -- ลำดับ
fetch  next 200 rows only;
/
